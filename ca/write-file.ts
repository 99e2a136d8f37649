// Writes a small file whole or not at all: to a new file beside it that is flushed and then takes its place.
import { randomUUID } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import { CaError } from './ca-error.ts';

export interface WriteOptions {
  readonly path: string;
  readonly text: string;
  /** Permission bits, such as 0o600 for keys. */
  readonly mode: number;
  /** Whether an existing file is replaced; without it an existing file is an error. */
  readonly replace: boolean;
}

/** Undefined when written; `file-exists` when there is one and it may not be replaced. Rejects on I/O errors. */
export async function writeFileWhole({ path, text, mode, replace }: WriteOptions): Promise<CaError | undefined> {
  const beside = `${path}.${randomUUID()}.new`;
  try {
    await using file = await open(beside, 'wx', mode);
    await file.writeFile(text);
    // The mode given to open is narrowed by the umask, never widened; this makes it exact.
    await file.chmod(mode);
    await file.sync();
    if (replace) await rename(beside, path);
    else await link(beside, path);
  } catch (error) {
    if (!replace && isExists(error)) return new CaError('file-exists', `${path} exists already.`, error);
    throw error;
  } finally {
    await rm(beside, { force: true });
  }
  return undefined;
}

function isExists(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}
