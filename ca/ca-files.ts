// Reads an authority from a directory: the four files of `--ca-dir`, or the root of `isthmus ca init`.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CaError } from './ca-error.ts';
import { caMaterial, type CaFileName, type CaMaterial } from './ca-material.ts';

/** Names of the two files that `isthmus ca init` writes. */
export const rootFileNames = Object.freeze({ certificate: 'root-cert.pem', key: 'root-key.pem' } as const);

/**
 * Loads `ca-cert.pem ca-key.pem cert-chain.pem root-cert.pem`. Every failure is one sentence that names the file and
 * what to do: `file-missing`, `file-unreadable`, and those of `caMaterial`.
 */
export async function loadCaFiles(dir: string, nowMs: number): Promise<CaMaterial | CaError> {
  const where = (name: CaFileName) => join(dir, name);
  const remedy = 'run `isthmus ca issue`, or name another directory with --ca-dir';
  // One after the other, so that of several missing files the same one is always named.
  const certificate = await readText(where('ca-cert.pem'), remedy);
  if (certificate instanceof CaError) return certificate;
  const key = await readText(where('ca-key.pem'), remedy);
  if (key instanceof CaError) return key;
  const chain = await readText(where('cert-chain.pem'), remedy);
  if (chain instanceof CaError) return chain;
  const root = await readText(where('root-cert.pem'), remedy);
  if (root instanceof CaError) return root;
  const files = { 'ca-cert.pem': certificate, 'ca-key.pem': key, 'cert-chain.pem': chain, 'root-cert.pem': root };
  return caMaterial({ files, where, nowMs });
}

/** Loads `root-cert.pem root-key.pem` as an authority that signs directly. Errors as `loadCaFiles`. */
export async function loadRootFiles(dir: string, nowMs: number): Promise<CaMaterial | CaError> {
  const certificatePath = join(dir, rootFileNames.certificate);
  const keyPath = join(dir, rootFileNames.key);
  const remedy = 'run `isthmus ca init`, or name the directory that holds the root';
  const certificate = await readText(certificatePath, remedy);
  if (certificate instanceof CaError) return certificate;
  const key = await readText(keyPath, remedy);
  if (key instanceof CaError) return key;
  return caMaterial({
    files: {
      'ca-cert.pem': certificate,
      'ca-key.pem': key,
      'cert-chain.pem': certificate,
      'root-cert.pem': certificate,
    },
    where: (name) => (name === 'ca-key.pem' ? keyPath : certificatePath),
    nowMs,
  });
}

async function readText(path: string, remedy: string): Promise<string | CaError> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'ENOENT' || code === 'ENOTDIR'
      ? new CaError('file-missing', `${path} is missing: ${remedy}.`, error)
      : new CaError('file-unreadable', `${path} can't be read (${String(code)}): check its permissions.`, error);
  }
}
