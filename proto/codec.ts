// Encodes, decodes and checks protobuf messages. A value is a plain object in the shape of the generated interface;
// equal values give equal bytes, whatever order the keys of their maps were added in.
import { CodecError } from './codec-error.ts';
import { fullNameOfTypeUrl, type MessageType } from './message-type.ts';
import type { Any } from './generated/google.protobuf.ts';
import { messageNamed } from './descriptor.ts';
import { findMistake } from './verify.ts';

export { CodecError, type CodecErrorCode } from './codec-error.ts';

/**
 * The message's bytes. Fields are written in the order of their numbers, map entries in the order of their keys;
 * `undefined` and default scalars are not written. A property the message does not have is dropped without a word:
 * see `verify`. The result may be a view of a larger pool; it is not changed afterwards.
 */
export function encode<T>(type: MessageType<T>, value: NoInfer<T>): Uint8Array {
  return messageNamed(type.fullName)
    .encode(value as object)
    .finish();
}

/** As `encode`; throws `CodecError` `invalid-value` naming the property when `verify` finds a mistake. */
export function encodeChecked<T>(type: MessageType<T>, value: NoInfer<T>): Uint8Array {
  const mistake = verify<T>(type, value);
  if (mistake !== undefined) throw new CodecError('invalid-value', mistake);
  return encode<T>(type, value);
}

/**
 * The message in `bytes` as a plain object: what was not sent is absent, 64-bit integers are numbers, enums numbers.
 * Throws `CodecError` `undecodable`.
 */
export function decode<T>(type: MessageType<T>, bytes: Uint8Array): T {
  const message = messageNamed(type.fullName);
  try {
    return message.toObject(message.decode(bytes), { longs: Number }) as T;
  } catch (cause) {
    throw new CodecError('undecodable', `not a ${type.fullName}: ${String(cause)}`, { cause });
  }
}

/** The message inside an Any: its type URL with its bytes, which are encoded once, here. */
export function packAny<T>(type: MessageType<T>, value: NoInfer<T>): Any {
  return { typeUrl: type.typeUrl, value: encode<T>(type, value) };
}

/** The message that `any` holds, or undefined when it holds one of another type. Throws as `decode` does. */
export function unpackAny<T>(type: MessageType<T>, any: Any): T | undefined {
  if (any.typeUrl === undefined || fullNameOfTypeUrl(any.typeUrl) !== type.fullName) return undefined;
  return decode(type, any.value ?? new Uint8Array());
}

/**
 * What is wrong with `value`, with the path of the property (`loadAssignment.endpoints[0].nmae: no such field of …`):
 * an unknown property, a value of the wrong type, an integer out of range, a second member of a oneof. Undefined when
 * the value is right. What an Any holds is bytes already and is not looked into.
 */
export function verify<T>(type: MessageType<T>, value: NoInfer<T>): string | undefined {
  return findMistake(messageNamed(type.fullName), value);
}
