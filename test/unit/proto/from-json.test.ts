// Proto3 JSON is read back as it was written, under both spellings of names, and every mistake has its path.

import * as fc from 'fast-check';
import type { Type } from 'protobufjs/light.js';
import { describe, expect, test } from 'vitest';
import { encode } from '../../../proto/codec.ts';
import { extensionNamed, extensionNames } from '../../../proto/extensions.ts';
import { fromJson } from '../../../proto/from-json.ts';
import { decodeJson, type JsonValue } from '../../../proto/json.ts';
import { rootMessages } from '../../../proto/generate/roots.ts';
import { messageType } from '../../../proto/message-type.ts';
import { sampleMessage, seededRandom } from './sample.ts';

/** A timestamp has a range of its own and a duration one sign, which samples do not keep to; a struct is not looked into as text. */
const isFree = (name: string): boolean => !/\.(Timestamp|Duration|TypedStruct)$/.test(name);

describe('what is written as JSON', () => {
  test.each(rootMessages.filter(isFree))('%s is read back', (name) => {
    const type = extensionNamed(name);
    fc.assert(
      fc.property(fc.integer(), fc.boolean(), (seed, snake) => {
        const random = seededRandom(seed);
        const value = sampleMessage(type, {
          random,
          includes: (field, depth) =>
            isFree(field.resolve().resolvedType?.fullName ?? '') && random() < 0.7 - depth * 0.2,
        });
        const bytes = encode(messageType<object>(name), value);
        const json = decodeJson(name, bytes);
        const read = fromJson(type, snake ? withProtoNames(type, json) : json);
        expect(read.mistakes).toEqual([]);
        expect(Buffer.from(type.encode(read.value).finish()).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
      }),
      { numRuns: 20 },
    );
  });
});

/** Top-level names as .proto files have them; those of well-known types have other forms. */
function withProtoNames(type: Type, json: JsonValue): JsonValue {
  const isOwnForm = type.fullName.startsWith('.google.protobuf.');
  if (isOwnForm || typeof json !== 'object' || json === null || Array.isArray(json)) return json;
  const names = new Map(
    type.fieldsArray.map(({ name, jsonName }) => [
      jsonName,
      name.replaceAll(/[A-Z]/g, (one) => `_${one.toLowerCase()}`),
    ]),
  );
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [names.get(name) ?? name, value]));
}

test('every message of Envoy can be read, an empty one from an empty mapping', () => {
  const wrong = [...extensionNames()].filter((name) => {
    if (name.startsWith('google.protobuf.')) return false;
    const { value, mistakes } = fromJson(extensionNamed(name), {});
    return mistakes.length > 0 || Object.keys(value).length > 0;
  });
  expect(wrong).toEqual([]);
});

const cluster = extensionNamed('envoy.config.cluster.v3.Cluster');

test.each([
  [{ name: 5 }, 'name', 'is not text'],
  [{ nmae: 'x' }, 'nmae', 'is no field of envoy.config.cluster.v3.Cluster'],
  [{ connect_timeout: '1', connectTimeout: '1s' }, 'connect_timeout', 'is not a duration'],
  [{ alt_stat_name: 'a', altStatName: 'b' }, 'altStatName', 'is there twice'],
  [{ type: 'STATIC', cluster_type: { name: 'x' } }, 'cluster_type', "can't be there beside type"],
  [{ type: 'SOMETIMES' }, 'type', 'is not one of STATIC, STRICT_DNS'],
  [{ type: 77 }, 'type', 'is not one of'],
  [{ load_assignment: [] }, 'load_assignment', 'is not a mapping'],
  [{ load_assignment: { endpoints: {} } }, 'load_assignment.endpoints', 'is not a list'],
  [
    { load_assignment: { endpoints: [{ priority: -1 }] } },
    'load_assignment.endpoints[0].priority',
    'from 0 to 4294967295',
  ],
  [{ load_assignment: { endpoints: [{ priority: 1.5 }] } }, 'load_assignment.endpoints[0].priority', 'whole number'],
  [{ metadata: { filter_metadata: { a: 5 } } }, 'metadata.filter_metadata["a"]', 'is not a mapping'],
  [{ typed_extension_protocol_options: { a: {} } }, 'typed_extension_protocol_options["a"]["@type"]', 'is missing'],
])('%j', (json, path, words) => {
  const { mistakes } = fromJson(cluster, json);
  expect(mistakes[0]?.path).toBe(path);
  expect(mistakes[0]?.message).toContain(words);
});

test('null is absent, numbers may be text, and what is too deep is refused', () => {
  expect(fromJson(cluster, { name: null, per_connection_buffer_limit_bytes: '5' })).toEqual({
    value: { perConnectionBufferLimitBytes: { value: 5 } },
    mistakes: [],
  });
  const deep = JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`) as object;
  expect(fromJson(extensionNamed('google.protobuf.Struct'), deep).mistakes[0]?.message).toBe('is too deep');
});
