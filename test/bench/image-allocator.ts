// The memory allocator that the image runs with, where this machine has it.

import { access, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const dockerfile = resolve(import.meta.dirname, '../../Dockerfile');
/** Where Debian keeps libraries. */
const folders = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu'];

export interface Allocator {
  readonly name: 'jemalloc' | 'of the C library';
  /** What a process is started with to have it. */
  readonly env: Readonly<Record<string, string>>;
}

const usual: Allocator = Object.freeze({ name: 'of the C library', env: {} });

/** `wanted` false: the usual one in any case. */
export async function imageAllocator(wanted: boolean): Promise<Allocator> {
  if (!wanted) return usual;
  const text = await readFile(dockerfile, 'utf8');
  const [library = '', settings = ''] = ['LD_PRELOAD', 'MALLOC_CONF'].map(
    (name) => new RegExp(`^ENV ${name}=(.+)$`, 'm').exec(text)?.[1] ?? '',
  );
  for (const folder of folders) {
    const file = join(folder, library);
    const isThere = await access(file).then(
      () => true,
      () => false,
    );
    if (isThere) return { name: 'jemalloc', env: { LD_PRELOAD: file, MALLOC_CONF: settings } };
  }
  return usual;
}
