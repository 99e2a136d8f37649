import * as fc from 'fast-check';
import protojson from 'protobufjs/ext/protojson.js';
import { describe, expect, test } from 'vitest';
import { encode, packAny } from '../../../proto/codec.ts';
import { messageNamed } from '../../../proto/descriptor.ts';
import { rootMessages } from '../../../proto/generate/roots.ts';
import { Bootstrap } from '../../../proto/generated/envoy.config.bootstrap.v3.ts';
import { Cluster, Cluster_DiscoveryType } from '../../../proto/generated/envoy.config.cluster.v3.ts';
import { HttpProtocolOptions } from '../../../proto/generated/envoy.extensions.upstreams.http.v3.ts';
import { HealthCheck } from '../../../proto/generated/envoy.extensions.filters.http.health_check.v3.ts';
import {
  Any,
  Duration,
  FloatValue,
  StringValue,
  Struct,
  Timestamp,
  Value,
} from '../../../proto/generated/google.protobuf.ts';
import { decodeJson, toJson } from '../../../proto/json.ts';
import { messageType } from '../../../proto/message-type.ts';
import { sampleMessage, seededRandom } from './sample.ts';

/** A timestamp has a range of its own and a duration one sign, which samples do not keep to. */
const isFree = (name: string): boolean => !/\.(Timestamp|Duration)$/.test(name);

describe('JSON of messages', () => {
  test.each(rootMessages.filter(isFree))('%s is read back from its JSON by another parser', (name) => {
    const type = messageNamed(name);
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = seededRandom(seed);
        const value = sampleMessage(type, {
          random,
          includes: (field, depth) =>
            isFree(field.resolve().resolvedType?.fullName ?? '') && random() < 0.7 - depth * 0.2,
        });
        const bytes = encode(messageType<object>(name), value);
        const reread = type.encode(protojson.fromJson(type, decodeJson(name, bytes))).finish();
        expect(Buffer.from(reread).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
      }),
      { numRuns: 20 },
    );
  });

  test('a cluster looks as it does in an Envoy configuration', () => {
    const options = packAny(HttpProtocolOptions, {
      explicitHttpConfig: { http2ProtocolOptions: { maxConcurrentStreams: { value: 100 } } },
    });
    const cluster = {
      name: 'outbound|80||a.b',
      type: Cluster_DiscoveryType.EDS,
      connectTimeout: { seconds: 5, nanos: 20_000_000 },
      perConnectionBufferLimitBytes: { value: 0 },
      metadata: { filterMetadata: { istio: { fields: { host: { stringValue: 'x' }, default: { nullValue: 0 } } } } },
      typedExtensionProtocolOptions: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': options },
    } satisfies Cluster;
    expect(toJson(Cluster, cluster)).toEqual({
      name: 'outbound|80||a.b',
      type: 'EDS',
      connectTimeout: '5.02s',
      perConnectionBufferLimitBytes: 0,
      metadata: { filterMetadata: { istio: { default: null, host: 'x' } } },
      typedExtensionProtocolOptions: {
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
          '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
          explicitHttpConfig: { http2ProtocolOptions: { maxConcurrentStreams: 100 } },
        },
      },
    });
  });

  test('the well-known types have their own forms', () => {
    expect(toJson(Duration, { seconds: 3 })).toBe('3s');
    expect(toJson(Duration, { nanos: -1 })).toBe('-0.000000001s');
    expect(toJson(Timestamp, { seconds: 1_700_000_000, nanos: 500_000_000 })).toBe('2023-11-14T22:13:20.5Z');
    expect(toJson(FloatValue, { value: 0.1 })).toBe(0.1);
    expect(toJson(FloatValue, { value: Number.NaN })).toBe('NaN');
    expect(toJson(StringValue, {})).toBe('');
    expect(
      toJson(Struct, { fields: { l: { listValue: { values: [{ numberValue: 1.5 }, { boolValue: false }] } } } }),
    ).toEqual({
      l: [1.5, false],
    });
    expect(toJson(Value, {})).toBeNull();
    expect(toJson(Any, packAny(StringValue, { value: 'w' }))).toEqual({ '@type': StringValue.typeUrl, value: 'w' });
    expect(toJson(Any, {})).toEqual({});
    expect(toJson(HealthCheck, { passThroughMode: { value: false } })).toEqual({ passThroughMode: false });
  });

  test('an Any of an unknown type keeps its bytes', () => {
    const any = { typeUrl: 'type.googleapis.com/no.such.Message', value: Uint8Array.of(1, 2, 3) };
    expect(toJson(Any, any)).toEqual({ '@type': any.typeUrl, value: 'AQID' });
  });

  test('an unknown type and wrong bytes are errors of the closed kinds', () => {
    expect(() => decodeJson('type.googleapis.com/no.such.Message', new Uint8Array())).toThrowError(
      expect.objectContaining({ code: 'unknown-type' }),
    );
    expect(() => decodeJson(Bootstrap.typeUrl, Uint8Array.of(10, 9))).toThrowError(
      expect.objectContaining({ code: 'undecodable' }),
    );
  });
});
