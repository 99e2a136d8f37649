// Keeps the key and its certificate over a restart of the agent, in one file that only its owner reads: one file, so that the two
// are replaced together or not at all. In: a directory. Out: what was kept, when it is still good.

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CaError } from '../../ca/ca-error.ts';
import { readPem, writePem } from '../../ca/pem.ts';
import { writeFileWhole } from '../../ca/write-file.ts';
import { workloadCertificate } from './workload-certificate.ts';
import type { WorkloadCertificate } from './workload-certificate.ts';

const fileName = 'workload.pem';

export type KeptCertificate = {
  readonly directory: string;
  readonly trustedRootsPem: string;
  readonly spiffeId: string;
  readonly nowMs: number;
};

/** Undefined when there is none, or when it has expired, is for another identity, or leads to no trusted root. */
export async function readCertificateFile(kept: KeptCertificate): Promise<WorkloadCertificate | undefined> {
  const text = await readFile(join(kept.directory, fileName), 'utf8').catch(() => '');
  const blocks = readPem(text, fileName);
  if (blocks instanceof CaError) return undefined;
  const pemOf = (isWanted: (label: string) => boolean): readonly string[] =>
    blocks.filter(({ label }) => isWanted(label)).map(({ label, der }) => writePem(label, der));
  const chain = pemOf((label) => label === 'CERTIFICATE');
  try {
    const certificate = workloadCertificate({
      keyPem: pemOf((label) => label === 'PRIVATE KEY').join(''),
      // Its roots are not kept: what is trusted after a restart is what is configured then.
      certChain: [...chain, kept.trustedRootsPem],
      trustedRootsPem: kept.trustedRootsPem,
      nowMs: kept.nowMs,
    });
    return certificate.spiffeId === kept.spiffeId ? certificate : undefined;
  } catch {
    return undefined; // Whatever is wrong with it, a new one is asked for.
  }
}

export async function writeCertificateFile(directory: string, certificate: WorkloadCertificate): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const text = certificate.keyPem + certificate.chainPem;
  await writeFileWhole({ path: join(directory, fileName), text, mode: 0o600, replace: true });
}
