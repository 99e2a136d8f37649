// Makes a folder and those above it. `mkdir` with `recursive` never ends where a file system has no room for new names and says so as
// if the folder above were missing (procfs), so each level is tried once more at most.
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** A folder that is there stays as it is. `mode`: of those that are made. Rejects on I/O errors. */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
  const whole = resolve(path);
  const error = await tryToMake(whole, mode);
  if (error === undefined) return;
  const above = dirname(whole);
  if (error.code !== 'ENOENT' || above === whole) throw error;
  await makeFolder(above, mode);
  const again = await tryToMake(whole, mode);
  if (again !== undefined) throw again;
}

async function tryToMake(path: string, mode: number): Promise<NodeJS.ErrnoException | undefined> {
  try {
    await mkdir(path, { mode });
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return (await isFolder(path)) ? undefined : error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
