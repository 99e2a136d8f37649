// All messages that configuration of others may be made of: those that are made here and every extension of Envoy, as protobufjs
// reflection of their own, read from disk when the first is asked for. An instance that nobody gives such configuration never does.
import { readFileSync } from 'node:fs';
import type protobuf from 'protobufjs/light.js';
import { messagesOf, readBundle } from './descriptor.ts';
import { lazy } from './lazy.ts';

const extensionsFile = new URL('generated/extensions.json', import.meta.url);

type Nested = Readonly<Record<string, protobuf.AnyNestedObject>>;

const messages = lazy(() => {
  const extensions = JSON.parse(readFileSync(extensionsFile, 'utf8')) as protobuf.INamespace;
  return messagesOf({ nested: joined(readBundle().nested ?? {}, extensions.nested ?? {}) });
});

/** The message with this full name, extensions of Envoy included, or undefined. */
export function findExtension(fullName: string): protobuf.Type | undefined {
  return messages().get(fullName);
}

/** As `findExtension`, for a message that is certain to be there. */
export function extensionNamed(fullName: string): protobuf.Type {
  const found = findExtension(fullName);
  if (found === undefined) throw new Error(`${fullName} is no generated message`);
  return found;
}

/** Full names of all messages. */
export function extensionNames(): Iterable<string> {
  return messages().keys();
}

/** A message is declared in one of the two; packages, and messages that hold others, may be in both. */
function joined(a: Nested, b: Nested): Record<string, protobuf.AnyNestedObject> {
  const both: Record<string, protobuf.AnyNestedObject> = { ...a };
  for (const [name, one] of Object.entries(b)) {
    const other = both[name];
    if (other === undefined) both[name] = one;
    else both[name] = { ...other, ...one, nested: joined(nestedOf(other), nestedOf(one)) };
  }
  return both;
}

function nestedOf(object: protobuf.AnyNestedObject): Nested {
  return (object as { readonly nested?: Nested }).nested ?? {};
}
