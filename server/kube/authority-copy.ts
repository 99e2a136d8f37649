// The authority that was read last, kept under the state directory so that an instance can start and sign while the API server
// that has the Secret is down. Files of an authority, as `--ca-dir` has them, readable by their owner alone.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CaError } from '../../ca/ca-error.ts';
import { loadCaFiles } from '../../ca/ca-files.ts';
import { caFileNames, toPem, type CaFileName, type CaMaterial } from '../../ca/ca-material.ts';
import { writeFileWhole } from '../../ca/write-file.ts';

/** Undefined when there is none that can be used. */
export async function readAuthorityCopy(stateDir: string, nowMs: number): Promise<CaMaterial | undefined> {
  const material = await loadCaFiles(folderOf(stateDir), nowMs);
  return material instanceof CaError ? undefined : material;
}

/** Rejects on I/O errors. A write that was interrupted leaves parts that do not fit together, which are then not used. */
export async function writeAuthorityCopy(stateDir: string, material: CaMaterial): Promise<void> {
  const folder = folderOf(stateDir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const certificate = toPem(material.certificate);
  const texts: Readonly<Record<CaFileName, string>> = {
    'ca-cert.pem': certificate,
    'ca-key.pem': material.key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'cert-chain.pem': material.intermediatesPem.length === 0 ? certificate : material.intermediatesPem.join(''),
    'root-cert.pem': material.rootsPem,
  };
  for (const name of caFileNames) {
    await writeFileWhole({ path: join(folder, name), text: texts[name], mode: 0o600, replace: true });
  }
}

function folderOf(stateDir: string): string {
  return join(stateDir, 'authority');
}
