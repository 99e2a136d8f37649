// Which packages configuration of others may be made of: every extension of Envoy in its current version, and the types that stand
// in for messages nobody here knows. In: folders of .proto files. Out: package names, and the messages declared in them.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { fullName, packageOf } from './reach.ts';

/** Not extensions, and packed into an Any all the same. */
const others: readonly string[] = [
  'envoy.config.accesslog.v3',
  'envoy.config.trace.v3',
  'envoy.config.ratelimit.v3',
  'envoy.config.metrics.v3',
  'envoy.config.rbac.v3',
  'envoy.type.matcher.v3',
  'udpa.type.v1',
  'xds.type.matcher.v3',
  'xds.type.v3',
];

/** Names of the packages, sorted. */
export function extensionPackages(folders: readonly string[]): readonly string[] {
  const packages = new Set(others);
  for (const folder of folders) {
    const top = join(folder, 'envoy/extensions');
    if (existsSync(top)) collect(top, 'envoy.extensions', packages);
  }
  return [...packages].toSorted();
}

/** Full names of all messages of the packages, nested ones among them, sorted. */
export function messagesIn(root: protobuf.Root, packages: readonly string[]): readonly string[] {
  const wanted = new Set(packages);
  const found: string[] = [];
  const visit = (namespace: protobuf.NamespaceBase): void => {
    for (const nested of namespace.nestedArray) {
      // A map has no entry message of its own here, so every message is one that somebody may name.
      if (nested instanceof protobuf.Type && wanted.has(packageOf(nested))) found.push(fullName(nested));
      if (nested instanceof protobuf.Namespace) visit(nested);
    }
  };
  visit(root);
  return found.toSorted();
}

function collect(folder: string, name: string, into: Set<string>): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) collect(join(folder, entry.name), `${name}.${entry.name}`, into);
    else if (/\.v3(alpha)?$/.test(name) && entry.name.endsWith('.proto')) into.add(name);
  }
}
