// Files and directories that options name, read for a command. What can't be read is one sentence that names the option and says what to do.

import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Problem } from '../../discovery/model/problem.ts';
import type { ManifestText } from '../validate/read-manifests.ts';

export class InputError extends Error {
  override readonly name = 'InputError';
}

/** The text of a file. @throws InputError */
export async function readInputFile(option: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw inputError(option, path, error);
  }
}

export interface ManifestInputs {
  readonly texts: readonly ManifestText[];
  /** About single files of a directory. */
  readonly problems: readonly Problem[];
}

/** Directories with nested folders, files, or `-`, the standard input. @throws InputError also when a directory has no manifests */
export async function readManifestInputs(option: string, paths: readonly string[]): Promise<ManifestInputs> {
  const { readManifestFiles } = await import('../validate/read-manifests.ts');
  const texts: ManifestText[] = [];
  const problems: Problem[] = [];
  for (const path of paths) {
    if (path === '-') {
      texts.push({ place: 'stdin', bytes: await buffer(process.stdin) });
      continue;
    }
    const read = await readManifestFiles(path).catch((error: unknown) => {
      throw inputError(option, path, error);
    });
    if (read.texts.length === 0 && read.problems.length === 0) {
      throw new InputError(
        `${option} ${path}: there is no .yaml, .yml or .json file in this directory; name one that has manifests.`,
      );
    }
    texts.push(...read.texts);
    problems.push(...read.problems);
  }
  return { texts, problems };
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory; correct the path',
  EACCES: 'it may not be read by this user; allow that, or run as another user',
  EPERM: 'it may not be read by this user; allow that, or run as another user',
  EISDIR: 'this is a directory, and a file is wanted; name a file in it',
  ENOTDIR: 'a part of this path is a file and no directory; correct the path',
  ELOOP: 'its symbolic links lead in a circle; correct them',
};

/** An error of the file system in words. Any other error is a fault of the program, and stays what it is. */
export function inputError(option: string, path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return error;
  const code = String(error.code);
  return new InputError(`${option} ${path}: ${reasons[code] ?? `it can't be read (${code})`}.`, { cause: error });
}
