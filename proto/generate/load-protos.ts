// Parses .proto files into one reflection root: Envoy's from the package @grpc/grpc-js-xds, Istio's two from this
// folder's parent. Which files are read follows from a list of packages; each import is then followed.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import protobuf from 'protobufjs';

const require = createRequire(import.meta.url);

/** The package that carries Envoy's .proto files. */
export const protoPackage = '@grpc/grpc-js-xds';

/** One imports files that the package does not carry, the other is nothing but imports of it and its neighbours. */
const unreadable: ReadonlySet<string> = new Set([
  'envoy/config/trace/v3/opencensus.proto',
  'envoy/config/trace/v3/trace.proto',
]);

/** Folders that import paths are relative to, ours first. */
export function includeFolders(): readonly string[] {
  const deps = join(packageFolder(protoPackage), 'deps');
  const vendored = ['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((name) => join(deps, name));
  return [resolve(import.meta.dirname, '..'), ...vendored];
}

/** The version of the package that carries Envoy's .proto files. */
export function protoPackageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(packageFolder(protoPackage), 'package.json'), 'utf8'));
  return String((manifest as { version: unknown }).version);
}

/** Parses every file of the packages that hold `messages` (full names), of `packages`, and what those import. */
export function loadProtos(messages: readonly string[], packages: readonly string[] = []): protobuf.Root {
  const folders = includeFolders();
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => {
    const found = folders.map((folder) => join(folder, target)).find((path) => existsSync(path));
    if (found !== undefined) return found;
    // protobufjs brings most of google/protobuf with it; options extend descriptor.proto, which it ships as a file.
    return protobuf.common.get(target) === null ? join(packageFolder('protobufjs'), target) : target;
  };
  const ofMessages = messages.map((message) => message.slice(0, message.lastIndexOf('.')));
  root.loadSync(packageFiles([...ofMessages, ...packages], folders));
  // Without its own .proto file protobufjs keeps this one name as it is written.
  renameField(root.lookupType('google.protobuf.Any'), 'type_url', 'typeUrl');
  root.resolveAll();
  return root;
}

function packageFiles(packages: readonly string[], folders: readonly string[]): string[] {
  const files = new Set<string>();
  for (const packageName of new Set(packages)) {
    if (packageName === 'google.protobuf') {
      for (const file of ['any', 'duration', 'empty', 'struct', 'timestamp', 'wrappers'])
        files.add(`google/protobuf/${file}.proto`);
      continue;
    }
    const path = packageName.replaceAll('.', '/');
    const folder = folders.find((candidate) => existsSync(join(candidate, path)));
    if (folder === undefined) throw new Error(`no folder for the package ${packageName}`);
    for (const file of readdirSync(join(folder, path)).toSorted())
      if (file.endsWith('.proto') && !unreadable.has(`${path}/${file}`)) files.add(`${path}/${file}`);
  }
  return [...files];
}

function renameField(type: protobuf.Type, from: string, to: string): void {
  const field = type.fields[from];
  if (field === undefined) return;
  type.remove(field);
  const renamed = new protobuf.Field(to, field.id, field.type, field.rule, field.extend, field.options);
  type.add(Object.assign(renamed, { protoName: from }));
}

function packageFolder(name: string): string {
  return dirname(require.resolve(`${name}/package.json`));
}
