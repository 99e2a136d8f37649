// `isthmus ca issue --root D --dir E --cluster-id C`: makes the intermediate that one instance signs with, under the
// root of `isthmus ca init`.
import { Command, Option } from 'commander';
import { CaError } from '../../ca/ca-error.ts';
import { loadRootFiles } from '../../ca/ca-files.ts';
import { systemClock } from '../../ca/clock.ts';
import { keyTypes, makeIntermediate, type KeyType } from '../../ca/make-authority.ts';
import { makeFolder } from '../../ca/make-folder.ts';
import { checkName, checkTrustDomain } from '../config.ts';
import { readLifetimeMs } from './ca-lifetime.ts';
import { runCaCommand } from './ca-run.ts';
import { writeFiles } from './ca-write.ts';

export interface CaIssueOptions {
  readonly root: string;
  readonly dir: string;
  readonly clusterId: string;
  readonly trustDomain: string;
  readonly ttl: string;
  readonly keyType: KeyType;
  readonly force: boolean;
}

export function caIssueCommand(): Command {
  return new Command('issue')
    .description('Make an intermediate for one instance: the four files of `isthmus serve --ca-dir`.')
    .requiredOption('--root <dir>', 'directory of `isthmus ca init`, with the key')
    .requiredOption('--dir <dir>', 'where the four files go; made if it is not there')
    .requiredOption('--cluster-id <id>', 'primary cluster of the instance; becomes part of its name')
    .option('--trust-domain <domain>', 'trust domain of the mesh', 'cluster.local')
    .option('--ttl <duration>', 'how long the intermediate is valid, at most as long as its root', '730d')
    .addOption(new Option('--key-type <type>', 'kind of key').choices(keyTypes).default('ecdsa-p256'))
    .option('--force', 'replace an intermediate that is there', false)
    .action((options: CaIssueOptions) => runCaCommand('issue', () => caIssue(options)));
}

/** Writes the files; the sentence that tells what was done, or a CaError (those of `loadRootFiles`, `file-exists`). @throws ConfigError */
export async function caIssue(options: CaIssueOptions): Promise<string | CaError> {
  const { dir, keyType, force } = options;
  const clusterId = checkName('--cluster-id', options.clusterId);
  const trustDomain = checkTrustDomain('--trust-domain', options.trustDomain);
  const nowMs = systemClock.now();
  const ttlMs = readLifetimeMs('--ttl', options.ttl);
  const root = await loadRootFiles(options.root, nowMs);
  if (root instanceof CaError) return root;
  const made = await makeIntermediate({ trustDomain, keyType, ttlMs, nowMs, clusterId, root });
  await makeFolder(dir);
  const failure = await writeFiles({
    dir,
    force,
    files: [
      { name: 'ca-key.pem', text: made['ca-key.pem'], isKey: true },
      { name: 'ca-cert.pem', text: made['ca-cert.pem'], isKey: false },
      { name: 'cert-chain.pem', text: made['cert-chain.pem'], isKey: false },
      { name: 'root-cert.pem', text: made['root-cert.pem'], isKey: false },
    ],
  });
  if (failure !== undefined) return failure;
  return `Wrote ca-cert.pem, ca-key.pem, cert-chain.pem and root-cert.pem to ${dir}: start the instance of ${clusterId} with \`isthmus serve --ca-dir ${dir}\`.`;
}
