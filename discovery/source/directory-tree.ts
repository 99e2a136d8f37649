// The files of a registry directory, walked afresh each time: nested folders, symbolic links followed, hidden entries left
// out (among them the generations behind a mounted ConfigMap). In: the directory. Out: YAML files by path with a signature
// that differs when the content may.

import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Problem } from '../model/problem.ts';

export interface TreeFile {
  /** Path relative to the directory, with `/`. */
  readonly place: string;
  readonly absolute: string;
  readonly size: number;
  readonly modifiedAtMs: number;
  readonly signature: string;
}

export interface Tree {
  /** In path order. */
  readonly files: readonly TreeFile[];
  /** Folders that could not be listed: nothing in them counts as gone. */
  readonly unreadable: readonly string[];
  readonly problems: readonly Problem[];
}

/** Throws the file system's error when the directory itself can't be listed. `enter` hears of each real folder before it is listed. */
export async function readTree(root: string, enter: (folder: string) => void): Promise<Tree> {
  const files: TreeFile[] = [];
  const unreadable: string[] = [];
  const problems: Problem[] = [];
  const walk = async (folder: string, place: string, ancestors: readonly string[]): Promise<void> => {
    const real = await realpath(folder);
    if (ancestors.includes(real)) {
      problems.push({
        severity: 'warning',
        code: 'link-loop',
        origin: { place },
        message: `${place} is a symbolic link to a folder that holds it and is not followed: remove the link.`,
      });
      return;
    }
    enter(real);
    const names = await readdir(folder);
    for (const name of names.toSorted()) {
      if (name.startsWith('.')) continue;
      const child = place === '' ? name : `${place}/${name}`;
      const absolute = path.join(folder, name);
      try {
        const info = await stat(absolute, { bigint: true });
        if (info.isDirectory()) await walk(absolute, child, [...ancestors, real]);
        else if (info.isFile() && /\.(ya?ml|json)$/i.test(name)) {
          files.push({
            place: child,
            absolute,
            size: Number(info.size),
            modifiedAtMs: Number(info.mtimeMs),
            signature: `${info.dev}:${info.ino}:${info.size}:${info.mtimeNs}:${info.ctimeNs}`,
          });
        }
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : '';
        // Gone between listing and looking: the next walk decides.
        if (code === 'ENOENT') continue;
        unreadable.push(child);
        problems.push({
          severity: 'error',
          code: 'unreadable',
          origin: { place: child },
          message: `${child} can't be read (${code}); what it held before stays in force: give the process the right to read it.`,
        });
      }
    }
  };
  await walk(root, '', []);
  return { files: files.toSorted((a, b) => (a.place < b.place ? -1 : 1)), unreadable, problems };
}
