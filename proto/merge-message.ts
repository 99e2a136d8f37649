// Merges one message into another as protobuf does: what is set replaces, messages merge, lists are joined, entries of maps replace
// those of the same key. In: a type and two plain values, which stay as they are. Out: the merged one. A value that is written is
// taken even when it is the default (`false`, 0), and durations and wrappers are values, not messages.
import protobuf from 'protobufjs/light.js';
import { decode } from './codec.ts';
import { extensionNamed, findExtension } from './extensions.ts';
import type { PlainMessage } from './from-json.ts';
import { fullNameOfTypeUrl, type MessageType } from './message-type.ts';

type Plain = Readonly<Record<string, unknown>>;

export interface MergeOptions {
  /** `join`: entries are added at the end. `replace`: the list is the new one. */
  readonly lists: 'join' | 'replace';
}

/** Replaced as a whole. */
const values =
  /^\.google\.protobuf\.(Duration|Timestamp|(Bool|Bytes|Double|Float|Int32|Int64|String|UInt32|UInt64)?Value|ListValue)$/;

/** Throws what decoding throws when an Any in `into` does not hold what it says. */
export function mergeMessage(type: protobuf.Type, into: Plain, from: Plain, options: MergeOptions): Plain {
  if (type.fullName === '.google.protobuf.Any') return mergeAny(into, from, options);
  const merged: Record<string, unknown> = { ...into };
  for (const [name, value] of Object.entries(from)) {
    const field = type.fields[name]?.resolve();
    if (field === undefined || value === undefined) continue;
    for (const other of field.partOf?.oneof ?? []) if (other !== name) delete merged[other];
    merged[name] = mergeField(field, merged[name], value, options);
  }
  return merged;
}

function mergeField(field: protobuf.Field, into: unknown, from: unknown, options: MergeOptions): unknown {
  if (into === undefined || into === null) return from;
  if (field.map) return { ...(into as Plain), ...(from as Plain) };
  if (field.repeated) {
    return options.lists === 'replace' ? from : [...(into as readonly unknown[]), ...(from as readonly unknown[])];
  }
  const { resolvedType } = field;
  if (!(resolvedType instanceof protobuf.Type) || values.test(resolvedType.fullName)) return from;
  return mergeMessage(resolvedType, into as Plain, from as Plain, options);
}

/** Of the same type: merged inside; of another: replaced. */
function mergeAny(into: Plain, from: Plain, options: MergeOptions): Plain {
  const name = nameOf(into);
  if (nameOf(from) !== name) return from;
  const type = findExtension(name);
  if (type === undefined) return from;
  const added = (from['plain'] as Plain | undefined) ?? decodePlain(type, from['value']);
  const merged = mergeMessage(type, decodePlain(type, into['value']), added, options);
  return { typeUrl: into['typeUrl'], value: type.encode(merged).finish() };
}

function nameOf({ typeUrl }: Plain): string {
  return typeof typeUrl === 'string' ? fullNameOfTypeUrl(typeUrl) : '';
}

/** The message in `bytes`: what was not sent is absent, 64-bit integers are text. Throws when it is no such message. */
export function decodePlain(type: protobuf.Type, bytes: unknown): Plain {
  const given = bytes instanceof Uint8Array ? bytes : new Uint8Array();
  return type.toObject(type.decode(given), { longs: String });
}

/** As `mergeMessage`, of and to a typed value. */
export function mergeInto<T extends object>(
  type: MessageType<T>,
  into: NoInfer<T>,
  from: PlainMessage,
  options: MergeOptions,
): T {
  return typedValue<T>(type, mergeMessage(extensionNamed(type.fullName), into as Plain, from, options));
}

/** A plain value of that type as what `encode` and `decode` make of it. */
export function typedValue<T>(type: MessageType<T>, value: PlainMessage): T {
  return decode<T>(type, extensionNamed(type.fullName).encode(value).finish());
}
