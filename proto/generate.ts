// `npm run generate`: writes proto/generated from the .proto files: descriptor.json and one TypeScript file a proto package for
// what Isthmus makes itself, extensions.json for what others may put beside it, rules.json for what Envoy checks of both. `--check` writes nothing and exits 1 when the committed files are not what would be written.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { extensionPackages, messagesIn } from './generate/extension-packages.ts';
import { includeFolders, loadProtos, protoPackage, protoPackageVersion } from './generate/load-protos.ts';
import { printDescriptor } from './generate/print-descriptor.ts';
import { printRules } from './generate/print-rules.ts';
import { printTypes } from './generate/print-types.ts';
import { reachable, without } from './generate/reach.ts';
import { rootMessages } from './generate/roots.ts';

const folder = join(import.meta.dirname, 'generated');

/** The generated files, content by file name. */
export function generate(): ReadonlyMap<string, string> {
  const extensions = extensionPackages(includeFolders());
  const root = loadProtos(rootMessages, extensions);
  const packages = reachable(root, rootMessages);
  const all = reachable(root, [...rootMessages, ...messagesIn(root, extensions)]);
  const source = `${protoPackage} ${protoPackageVersion()}`;
  return new Map([
    ['descriptor.json', printDescriptor(packages)],
    ['extensions.json', printDescriptor(without(all, packages))],
    ['rules.json', printRules(all)],
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
