// `npm run generate`: writes proto/generated (descriptor.json and one TypeScript file a proto package) from the
// .proto files. `--check` writes nothing and exits 1 when the committed files are not what would be written.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadProtos, protoPackage, protoPackageVersion } from './generate/load-protos.ts';
import { printDescriptor } from './generate/print-descriptor.ts';
import { printTypes } from './generate/print-types.ts';
import { reachable } from './generate/reach.ts';
import { rootMessages } from './generate/roots.ts';

const folder = join(import.meta.dirname, 'generated');

/** The generated files, content by file name. */
export function generate(): ReadonlyMap<string, string> {
  const packages = reachable(loadProtos(rootMessages), rootMessages);
  const source = `${protoPackage} ${protoPackageVersion()}`;
  return new Map([
    ['descriptor.json', printDescriptor(packages)],
    ...packages.map((proto) => [`${proto.name}.ts`, printTypes(proto, source)] as const),
  ]);
}

/** Names of committed files that are missing, superfluous or different from `files`. */
export function staleFiles(files: ReadonlyMap<string, string>): readonly string[] {
  const committed = readdirSync(folder);
  const superfluous = committed.filter((name) => !files.has(name));
  const different = [...files].filter(
    ([name, text]) => !committed.includes(name) || readFileSync(join(folder, name), 'utf8') !== text,
  );
  return [...superfluous, ...different.map(([name]) => name)].toSorted();
}

function write(files: ReadonlyMap<string, string>): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
}

if (import.meta.main) {
  const files = generate();
  if (process.argv.includes('--check')) {
    const stale = staleFiles(files);
    if (stale.length > 0) {
      console.error(
        `proto/generated is out of date (${stale.join(', ')}): run npm run generate and commit the result.`,
      );
      process.exitCode = 1;
    }
  } else {
    write(files);
  }
}
