import * as fc from 'fast-check';
import protobuf from 'protobufjs/light.js';
import { describe, expect, test } from 'vitest';
import { CodecError, decode, encode, encodeChecked, packAny, unpackAny, verify } from '../../../proto/codec.ts';
import { allMessages, messageNamed } from '../../../proto/descriptor.ts';
import { rootMessages } from '../../../proto/generate/roots.ts';
import { Cluster, Cluster_DiscoveryType } from '../../../proto/generated/envoy.config.cluster.v3.ts';
import { ClusterLoadAssignment } from '../../../proto/generated/envoy.config.endpoint.v3.ts';
import type { Metadata } from '../../../proto/generated/envoy.config.core.v3.ts';
import { NameTable } from '../../../proto/generated/istio.networking.nds.v1.ts';
import { IstioCertificateRequest } from '../../../proto/generated/istio.v1.auth.ts';
import { StringValue, UInt32Value } from '../../../proto/generated/google.protobuf.ts';
import { decodeIndependently } from '../../../proto/loader.ts';
import { messageType, type MessageType } from '../../../proto/message-type.ts';
import { asSeenIndependently, sampleMessage, seededRandom } from './sample.ts';

const anySeed = fc.integer();

const someFields = (seed: number) => {
  const random = seededRandom(seed);
  return {
    random,
    includes: (field: protobuf.Field, depth: number) => hasReadableKeys(field) && random() < 0.7 - depth * 0.2,
  };
};

const metadata = (pairs: readonly (readonly [string, string])[]): Metadata => ({
  filterMetadata: {
    one: { fields: Object.fromEntries(pairs.map(([key, text]) => [key, { stringValue: text }])) },
  },
});

/** protobufjs 7 gives 64-bit keys as raw bytes; json.test.ts covers them with another parser. */
const hasReadableKeys = (field: protobuf.Field): boolean =>
  !(field instanceof protobuf.MapField) || !field.keyType.endsWith('64');

describe('what is encoded', () => {
  test.each(rootMessages)('%s is read by another decoder as it was written', (name) => {
    const type = messageNamed(name);
    fc.assert(
      fc.property(anySeed, (seed) => {
        const value = sampleMessage(type, someFields(seed));
        const bytes = encodeChecked(messageType<object>(name), value);
        expect(decodeIndependently(name, bytes)).toEqual(asSeenIndependently(type, value));
        expect(decode(messageType<object>(name), bytes)).toEqual(value);
      }),
      { numRuns: 20 },
    );
  });

  test('every field of every message has the number and the type that another decoder knows', () => {
    const random = seededRandom(1);
    let checked = 0;
    for (const [name, type] of allMessages()) {
      // Messages inside messages are reached through them: the other decoder names only the outer ones.
      if (type.parent instanceof protobuf.Type) continue;
      for (const field of type.fieldsArray.filter(hasReadableKeys)) {
        const isInside = (inner: protobuf.Field) =>
          !(inner.resolvedType instanceof protobuf.Type) || inner.resolvedType.fullName.startsWith(`${type.fullName}.`);
        const includes = (inner: protobuf.Field, depth: number) =>
          depth === 0 ? inner === field : depth < 5 && isInside(inner.resolve()) && random() < 0.7;
        const value = sampleMessage(type, { random, includes });
        const bytes = encode(messageType<object>(name), value);
        expect(decodeIndependently(name, bytes)).toEqual(asSeenIndependently(type, value));
        checked += 1;
      }
    }
    expect(checked).toBeGreaterThan(1200);
  });

  test('maps are written in the order of their keys, at any depth', () => {
    const entries = fc.uniqueArray(fc.tuple(fc.string(), fc.string()), { selector: ([key]) => key, maxLength: 8 });
    const twoOrders = entries.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    );
    fc.assert(
      fc.property(twoOrders, ([some, others]) => {
        expect(encode(Cluster, { metadata: metadata(others) })).toEqual(encode(Cluster, { metadata: metadata(some) }));
      }),
    );
  });

  test('a map with one key named __proto__ keeps it', () => {
    const table = Object.fromEntries([
      ['z.example', { registry: 'Kubernetes' }],
      ['__proto__', { registry: 'other' }],
    ]);
    const read = decode(NameTable, encode(NameTable, { table }));
    expect(Object.keys(read.table ?? {}).toSorted()).toEqual(['__proto__', 'z.example']);
  });

  test('encoding leaves the value as it was', () => {
    const value = Object.freeze({ table: Object.freeze({ b: {}, a: {} }) });
    encode(NameTable, value);
    expect(Object.keys(value.table)).toEqual(['b', 'a']);
  });

  test('undefined is not written, and neither is a default inside a wrapper, but the wrapper is', () => {
    expect(encode(UInt32Value, { value: 0 })).toHaveLength(0);
    expect(encode(Cluster, { name: undefined, edsClusterConfig: undefined })).toHaveLength(0);
    const bytes = encode(Cluster, { perConnectionBufferLimitBytes: { value: 0 }, name: '' });
    expect(decode(Cluster, bytes)).toEqual({ perConnectionBufferLimitBytes: {} });
  });

  test('64-bit integers are exact up to 2^53 - 1', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (validityDuration) => {
        const bytes = encode(IstioCertificateRequest, { validityDuration });
        expect(decode(IstioCertificateRequest, bytes).validityDuration ?? 0).toBe(
          validityDuration === 0 ? 0 : validityDuration,
        );
      }),
    );
  });

  test('an Any is opened only as the type it holds', () => {
    const any = packAny(StringValue, { value: 'x' });
    expect(unpackAny(StringValue, any)).toEqual({ value: 'x' });
    expect(unpackAny(UInt32Value, any)).toBeUndefined();
  });
});

const outcomeOf = (bytes: Uint8Array): unknown => {
  try {
    decode(ClusterLoadAssignment, bytes);
    return 'decoded';
  } catch (error) {
    return error instanceof CodecError ? error.code : error;
  }
};

describe('what the compiler refuses', () => {
  test('unknown and wrongly typed properties, and one message type for another', () => {
    // @ts-expect-error: no such property
    expect(verify(Cluster, { nmae: 'a' })).toBeDefined();
    // @ts-expect-error: an enum's number, not its name
    expect(verify(Cluster, { type: 'EDS' })).toBeDefined();
    // @ts-expect-error: a number, not a text
    expect(verify(UInt32Value, { value: '1' })).toBeDefined();
    // @ts-expect-error: another message
    const other: MessageType<Cluster> = ClusterLoadAssignment;
    expect(other).not.toBe(Cluster);
  });
});

describe('what is refused', () => {
  test('bytes that are not the message are an error of the closed kind', () => {
    expect(() => decode(Cluster, Uint8Array.of(10, 200, 1))).toThrowError(
      expect.objectContaining({ name: 'CodecError', code: 'undecodable' }),
    );
  });

  test('whatever bytes arrive, decoding either answers or throws that error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(['decoded', 'undecodable']).toContain(outcomeOf(bytes));
      }),
    );
  });

  test('a type that was not generated is an error', () => {
    expect(() => encode(messageType<object>('no.such.Message'), {})).toThrowError(
      expect.objectContaining({ code: 'unknown-type' }),
    );
  });

  test.each([
    [{ nmae: 'a' }, 'nmae: no such field of envoy.config.cluster.v3.Cluster'],
    [
      { loadAssignment: { endpoints: [{}, { lbEndpoint: [] }] } },
      'loadAssignment.endpoints[1].lbEndpoint: no such field of envoy.config.endpoint.v3.LocalityLbEndpoints',
    ],
    [
      { metadata: { filterMetadata: { istio: { field: {} } } } },
      'metadata.filterMetadata["istio"].field: no such field of google.protobuf.Struct',
    ],
    [{ name: 1 }, 'name: expected a well-formed string'],
    [{ name: null }, 'name: expected a well-formed string'],
    [{ name: '\ud800' }, 'name: expected a well-formed string'],
    [{ connectTimeout: '5s' }, 'connectTimeout: expected a google.protobuf.Duration'],
    [{ connectTimeout: { seconds: 1.5 } }, /^connectTimeout\.seconds: expected an integer from/],
    [{ connectTimeout: { seconds: 2 ** 53 } }, /^connectTimeout\.seconds: expected an integer from/],
    [
      { perConnectionBufferLimitBytes: { value: -1 } },
      'perConnectionBufferLimitBytes.value: expected an integer from 0 to 4294967295',
    ],
    [
      { perConnectionBufferLimitBytes: { value: 2 ** 32 } },
      /^perConnectionBufferLimitBytes\.value: expected an integer/,
    ],
    [{ type: 99 }, 'type: expected a value of the enum envoy.config.cluster.v3.Cluster.DiscoveryType'],
    [{ type: 'EDS' }, /^type: expected a value of the enum/],
    [{ healthChecks: {} }, 'healthChecks: expected an array'],
    [
      { typedExtensionProtocolOptions: [] },
      'typedExtensionProtocolOptions: expected an object with an entry for each key',
    ],
    [
      { type: Cluster_DiscoveryType.EDS, clusterType: {} },
      'clusterType: only one of clusterDiscoveryType may be set, and type is',
    ],
    [{ constructor: 1 }, 'constructor: no such field of envoy.config.cluster.v3.Cluster'],
  ])('%j is reported with its path', (value, message) => {
    expect(verify(messageType<object>(Cluster.fullName), value)).toMatch(message);
    expect(() => encodeChecked(messageType<object>(Cluster.fullName), value)).toThrowError(
      expect.objectContaining({ code: 'invalid-value' }),
    );
  });
});
