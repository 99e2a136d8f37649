// A file of a Go module's published zip, as the module proxy serves it, without building anything. In: module, version and the
// file's path. Out: its text. Needs `go`, which checks the zip against the public checksums.

import { readFile } from 'node:fs/promises';
import { inflateRawSync } from 'node:zlib';
import { run } from './process.ts';

export interface GoModuleFile {
  readonly module: string;
  readonly version: string;
  /** Inside the module. */
  readonly path: string;
}

export async function readGoModuleFile({ module, version, path }: GoModuleFile): Promise<string> {
  // It complains about a module that needs a newer Go, after it has downloaded it.
  const { stdout } = await run(['go', 'mod', 'download', '-json', `${module}@${version}`], { timeoutMs: 120_000 });
  const { Zip } = JSON.parse(stdout) as { readonly Zip?: string };
  if (Zip === undefined) throw new Error(`go has no zip of ${module}@${version}: ${stdout.slice(0, 500)}`);
  const text = entryOf(await readFile(Zip), `${module}@${version}/${path}`);
  if (text === undefined) throw new Error(`${module}@${version} has no file ${path}`);
  return text;
}

/** https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.12 and 4.3.16 */
function entryOf(zip: Buffer, name: string): string | undefined {
  const end = zip.lastIndexOf(Buffer.from('PK\u0005\u0006'));
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset));
    const next = at + 46 + (nameLength ?? 0) + (extraLength ?? 0) + (commentLength ?? 0);
    if (zip.toString('utf8', at + 46, at + 46 + (nameLength ?? 0)) === name) {
      const header = zip.readUInt32LE(at + 42);
      const from = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
      const content = zip.subarray(from, from + zip.readUInt32LE(at + 20));
      return (zip.readUInt16LE(at + 10) === 8 ? inflateRawSync(content) : content).toString('utf8');
    }
    at = next;
  }
  return undefined;
}
