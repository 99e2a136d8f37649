// Finds the first mistake in a value against its reflected message type. protobufjs drops unknown properties and wraps
// integers silently; this is the guard against both.
import protobuf from 'protobufjs/light.js';

const integerRanges: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  sint32: [-(2 ** 31), 2 ** 31 - 1],
  sfixed32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  fixed32: [0, 2 ** 32 - 1],
  // 64-bit integers are numbers here, exact up to 2^53 - 1.
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  sint64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  sfixed64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
  fixed64: [0, Number.MAX_SAFE_INTEGER],
};

/** `PATH: what is wrong`, PATH as in `a.b[0].c["key"]` and relative to `value`; undefined when nothing is. */
export function findMistake(type: protobuf.Type, value: unknown, path = ''): string | undefined {
  if (!isPlainObject(value)) return at(path, `expected a ${nameOf(type)}`);
  const set = new Map<string, string>();
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const memberPath = path === '' ? name : `${path}.${name}`;
    const field = Object.hasOwn(type.fields, name) ? type.fields[name] : undefined;
    if (field === undefined) return at(memberPath, `no such field of ${nameOf(type)}`);
    const mistake = findFieldMistake(field.resolve(), member, memberPath) ?? findSecondOfOneof(field, set, memberPath);
    if (mistake !== undefined) return mistake;
  }
  return undefined;
}

function findFieldMistake(field: protobuf.Field, value: unknown, path: string): string | undefined {
  if (field.map) {
    if (!isPlainObject(value)) return at(path, 'expected an object with an entry for each key');
    return firstOf(Object.entries(value), ([key, member]) => {
      const entryPath = `${path}[${JSON.stringify(key)}]`;
      return findKeyMistake(field, key, entryPath) ?? findSingleMistake(field, member, entryPath);
    });
  }
  if (field.repeated) {
    if (!Array.isArray(value)) return at(path, 'expected an array');
    return firstOf(value.entries(), ([index, member]) => findSingleMistake(field, member, `${path}[${index}]`));
  }
  return findSingleMistake(field, value, path);
}

function findSingleMistake(field: protobuf.Field, value: unknown, path: string): string | undefined {
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Type) return findMistake(resolvedType, value, path);
  if (resolvedType instanceof protobuf.Enum) {
    if (typeof value === 'number' && resolvedType.valuesById[value] !== undefined) return undefined;
    return at(path, `expected a value of the enum ${nameOf(resolvedType)}`);
  }
  const expected = expectation(field.type, value);
  return expected === undefined ? undefined : at(path, `expected ${expected}`);
}

/** What a scalar of this protobuf type has to be, when `value` is not that. */
function expectation(type: string, value: unknown): string | undefined {
  if (type === 'bool') return typeof value === 'boolean' ? undefined : 'a boolean';
  if (type === 'string') return typeof value === 'string' && value.isWellFormed() ? undefined : 'a well-formed string';
  if (type === 'bytes') return value instanceof Uint8Array ? undefined : 'a Uint8Array';
  const range = integerRanges[type];
  if (range === undefined) return typeof value === 'number' ? undefined : 'a number';
  const [least, most] = range;
  const fits = typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
  return fits ? undefined : `an integer from ${least} to ${most}`;
}

function findKeyMistake(field: protobuf.Field, key: string, path: string): string | undefined {
  const keyType = field instanceof protobuf.MapField ? field.keyType : 'string';
  if (keyType === 'bool')
    return key === 'true' || key === 'false' ? undefined : at(path, 'expected the key true or false');
  const expected = expectation(keyType, keyType === 'string' ? key : Number(key));
  return expected === undefined ? undefined : at(path, `expected as its key ${expected}`);
}

function findSecondOfOneof(field: protobuf.Field, set: Map<string, string>, path: string): string | undefined {
  const oneof = field.partOf?.name;
  if (oneof === undefined) return undefined;
  const first = set.get(oneof);
  set.set(oneof, field.name);
  return first === undefined ? undefined : at(path, `only one of ${oneof} may be set, and ${first} is`);
}

function firstOf<T>(items: Iterable<T>, find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const mistake = find(item);
    if (mistake !== undefined) return mistake;
  }
  return undefined;
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function nameOf(type: protobuf.Type | protobuf.Enum): string {
  return type.fullName.slice(1);
}

function at(path: string, what: string): string {
  return path === '' ? what : `${path}: ${what}`;
}
