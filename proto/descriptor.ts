// The message types of proto/generated/descriptor.json as protobufjs reflection, read from disk when the first message
// is needed (about 0.1 s) and kept for the life of the process.
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs/light.js';
import { CodecError } from './codec-error.ts';
import { lazy } from './lazy.ts';

const descriptorFile = new URL('generated/descriptor.json', import.meta.url);

type EncodeAtDepth = (message: object, writer?: protobuf.Writer, depth?: number) => protobuf.Writer;

const messages = lazy(() => messagesOf(readBundle()));

/** The generated bundle as it is written. */
export function readBundle(): protobuf.INamespace {
  return JSON.parse(readFileSync(descriptorFile, 'utf8')) as protobuf.INamespace;
}

/** Every message of a bundle by its full name, made to encode deterministically. */
export function messagesOf(bundle: protobuf.INamespace): ReadonlyMap<string, protobuf.Type> {
  const byName = new Map<string, protobuf.Type>();
  collect(protobuf.Root.fromJSON(bundle), byName);
  return byName;
}

/** Every generated message by its full name. */
export function allMessages(): ReadonlyMap<string, protobuf.Type> {
  return messages();
}

/** The reflected message with this full name, or undefined. */
export function findMessage(fullName: string): protobuf.Type | undefined {
  return messages().get(fullName);
}

/** The reflected message with this full name; throws `CodecError` `unknown-type`. */
export function messageNamed(fullName: string): protobuf.Type {
  const found = findMessage(fullName);
  if (found === undefined) throw new CodecError('unknown-type', `${fullName} is not a generated message`);
  return found;
}

function collect(namespace: protobuf.NamespaceBase, into: Map<string, protobuf.Type>): void {
  for (const nested of namespace.nestedArray) {
    if (nested instanceof protobuf.Type) {
      writeMapsInKeyOrder(nested);
      into.set(nested.fullName.slice(1), nested);
    }
    if (nested instanceof protobuf.Namespace) collect(nested, into);
  }
}

/**
 * protobufjs writes a map in the order its keys were added. Types with a map get an encoder that sorts first; it is
 * the one that the messages around them call, too.
 */
function writeMapsInKeyOrder(type: protobuf.Type): void {
  const maps = type.fieldsArray.filter((field) => field.map).map((field) => field.name);
  if (maps.length === 0) return;
  type.setup = () => {
    protobuf.Type.prototype.setup.call(type);
    // Generated code passes the depth as a third argument, which the declared type does not show.
    const generated: EncodeAtDepth = type.encode.bind<EncodeAtDepth>(type);
    const encodeSorted: EncodeAtDepth = (message, writer, depth) =>
      generated(withSortedMaps(message, maps), writer, depth);
    type.encode = encodeSorted;
    return type;
  };
}

/** `message` itself when its maps are in order already, else a copy with sorted maps. */
function withSortedMaps(message: object, maps: readonly string[]): object {
  let sorted: Record<string, unknown> | undefined;
  for (const name of maps) {
    const map = (message as Record<string, unknown>)[name];
    if (typeof map !== 'object' || map === null || isSorted(map)) continue;
    sorted ??= { ...message };
    sorted[name] = Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
  return sorted ?? message;
}

/** Runs for every map of every message that is sent: no array of keys is made for it. */
function isSorted(map: object): boolean {
  let previous = '';
  for (const key in map) {
    if (key < previous) return false;
    previous = key;
  }
  return true;
}
