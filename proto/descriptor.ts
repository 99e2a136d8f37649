// The message types of proto/generated/descriptor.json as protobufjs reflection, read from disk when the first message
// is needed (about 0.1 s), or before by `loadMessages`, and kept for the life of the process.
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs/light.js';
import { CodecError } from './codec-error.ts';
import { lazy } from './lazy.ts';

const descriptorFile = new URL('generated/descriptor.json', import.meta.url);

type EncodeAtDepth = (message: object, writer?: protobuf.Writer, depth?: number) => protobuf.Writer;

const messages = lazy(() => messagesOf(readBundle()));

/** Reads them now, so that nobody waits for it later. */
export function loadMessages(): void {
  messages();
}

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
      encodeOnItsOwn(nested);
      into.set(nested.fullName.slice(1), nested);
    }
    if (nested instanceof protobuf.Namespace) collect(nested, into);
  }
}

/**
 * Generates a type's encoder when it is first used. protobufjs itself would generate everything else along with it; most types
 * are only ever written, and that is most of the time which a process needs for its first responses.
 */
function encodeOnItsOwn(type: protobuf.Type): void {
  let encode: EncodeAtDepth = (message, writer, depth) => {
    encode = encoderOf(type);
    type.encode = encode;
    return encode(message, writer, depth);
  };
  type.encode = encode;
  type.setup = () => {
    protobuf.Type.prototype.setup.call(type);
    type.encode = encode;
    return type;
  };
}

/**
 * protobufjs writes a map in the order its keys were added. Types with a map get an encoder that sorts first; it is
 * the one that the messages around them call, too.
 */
function encoderOf(type: protobuf.Type): EncodeAtDepth {
  const { Writer, util } = protobuf;
  const types = type.fieldsArray.map((field) => field.resolve().resolvedType);
  // Generated code passes the depth as a third argument, which the declared type does not show.
  const generated = protobuf.encoder(type)({ Writer, types, util }) as unknown as EncodeAtDepth;
  const maps = type.fieldsArray.filter((field) => field.map).map((field) => field.name);
  if (maps.length === 0) return generated;
  return (message, writer, depth) => generated(withSortedMaps(message, maps), writer, depth);
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
