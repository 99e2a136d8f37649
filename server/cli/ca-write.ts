// Writes the files of an authority: nothing at all when one of them is there and may not be replaced.
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { CaError } from '../../ca/ca-error.ts';
import { writeFileWhole } from '../../ca/write-file.ts';

export interface AuthorityFile {
  readonly name: string;
  readonly text: string;
  /** Keys are readable by their owner only. */
  readonly isKey: boolean;
}

export interface WriteFilesOptions {
  readonly dir: string;
  /** The key first: of two runs at once only one gets past it. */
  readonly files: readonly AuthorityFile[];
  readonly force: boolean;
}

/** Undefined when all were written; `file-exists` names the file in the way. Rejects on I/O errors. */
export async function writeFiles({ dir, files, force }: WriteFilesOptions): Promise<CaError | undefined> {
  for (const { name } of force ? [] : files) {
    const path = join(dir, name);
    if (await exists(path)) return inTheWay(path);
  }
  for (const { name, text, isKey } of files) {
    const path = join(dir, name);
    const failure = await writeFileWhole({ path, text, mode: isKey ? 0o600 : 0o644, replace: force });
    if (failure !== undefined) return inTheWay(path);
  }
  return undefined;
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

function inTheWay(path: string): CaError {
  return new CaError('file-exists', `${path} exists already: choose another directory, or replace it with --force.`);
}
