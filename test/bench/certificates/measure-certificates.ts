// Certificates a second, measured in a process of its own that is both the instance and the authority.

import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import type { CertificateBench, CertificateFigures } from './certificate-figures.ts';

export async function measureCertificates(bench: CertificateBench): Promise<CertificateFigures> {
  const file = resolve(import.meta.dirname, 'sign.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [file, JSON.stringify(bench)]);
  return JSON.parse(stdout) as CertificateFigures;
}
