// `isthmus ca init --dir D`: makes the root of a mesh, a certificate and a key that can be kept offline.
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { CaError } from '../../ca/ca-error.ts';
import { rootFileNames } from '../../ca/ca-files.ts';
import { systemClock } from '../../ca/clock.ts';
import { keyTypes, makeRoot, type KeyType } from '../../ca/make-authority.ts';
import { makeFolder } from '../../ca/make-folder.ts';
import { identity } from '../../ca/spiffe.ts';
import { readLifetimeMs } from './ca-lifetime.ts';
import { runCaCommand } from './ca-run.ts';
import { writeFiles } from './ca-write.ts';

export interface CaInitOptions {
  readonly dir: string;
  readonly trustDomain: string;
  readonly ttl: string;
  readonly keyType: KeyType;
  readonly force: boolean;
}

export function caInitCommand(): Command {
  return new Command('init')
    .description('Make a root: root-cert.pem, which every instance gets, and root-key.pem, which stays offline.')
    .requiredOption('--dir <dir>', 'where the two files go; made if it is not there')
    .option('--trust-domain <domain>', 'trust domain of the mesh', 'cluster.local')
    .option('--ttl <duration>', 'how long the root is valid', '3650d')
    .addOption(new Option('--key-type <type>', 'kind of key').choices(keyTypes).default('ecdsa-p256'))
    .option('--force', 'replace a root that is there', false)
    .action((options: CaInitOptions) => runCaCommand('init', () => caInit(options)));
}

/** Writes the files; the sentence that tells what was done, or a CaError (`file-exists`, `spiffe-id-invalid`). */
export async function caInit(options: CaInitOptions): Promise<string | CaError> {
  const { dir, trustDomain, keyType, force } = options;
  // Any identity will do: it is the trust domain that is checked.
  const checked = identity({ trustDomain, namespace: 'default', serviceAccount: 'default' });
  if (checked instanceof CaError) return checked;
  const ttlMs = readLifetimeMs('--ttl', options.ttl);
  const root = await makeRoot({ trustDomain, keyType, ttlMs, nowMs: systemClock.now() });
  await makeFolder(dir);
  const failure = await writeFiles({
    dir,
    force,
    files: [
      { name: rootFileNames.key, text: root.keyPem, isKey: true },
      { name: rootFileNames.certificate, text: root.certificatePem, isKey: false },
    ],
  });
  if (failure !== undefined) return failure;
  const key = join(dir, rootFileNames.key);
  return `Wrote ${join(dir, rootFileNames.certificate)} and ${key}: run \`isthmus ca issue --root ${dir} --dir DIR --cluster-id ID\` for each instance, then keep ${key} offline.`;
}
