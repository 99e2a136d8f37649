// The root of an instance that was given none: made once, kept in a folder under the state directory, found again at
// the next start. Instances that start at the same moment in one directory agree on one root.
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { loadRootFiles, rootFileNames } from './ca-files.ts';
import { CaError } from './ca-error.ts';
import type { CaMaterial } from './ca-material.ts';
import { authorityTtlMs, makeRoot } from './make-authority.ts';
import { makeFolder } from './make-folder.ts';
import { writeFileWhole } from './write-file.ts';

export interface SelfSignedOptions {
  /** The state directory; the root lives in its folder `self-signed-ca`. */
  readonly dir: string;
  readonly trustDomain: string;
  readonly nowMs: number;
}

/** Errors as `loadRootFiles`, when the root that is there can't be used (expired, say). Rejects on I/O errors. */
export async function loadOrCreateSelfSigned(options: SelfSignedOptions): Promise<CaMaterial | CaError> {
  const folder = join(options.dir, 'self-signed-ca');
  const found = await loadRootFiles(folder, options.nowMs);
  const isAbsent = found instanceof CaError && found.code === 'file-missing';
  // A half-written folder can't exist, as it appears by one rename; a file missing from it was taken by someone.
  if (!isAbsent) return found;
  await createFolder(folder, options);
  return loadRootFiles(folder, options.nowMs);
}

async function createFolder(folder: string, options: SelfSignedOptions): Promise<void> {
  const { trustDomain, nowMs } = options;
  const root = await makeRoot({ trustDomain, keyType: 'ecdsa-p256', ttlMs: authorityTtlMs.root, nowMs });
  await makeFolder(options.dir);
  const fresh = await mkdtemp(`${folder}.`);
  try {
    const keyPath = join(fresh, rootFileNames.key);
    const certificatePath = join(fresh, rootFileNames.certificate);
    await writeFileWhole({ path: keyPath, text: root.keyPem, mode: 0o600, replace: false });
    await writeFileWhole({ path: certificatePath, text: root.certificatePem, mode: 0o644, replace: false });
    // Renaming onto a folder that is not empty fails: whoever renames first has made the root for all.
    await rename(fresh, folder);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
