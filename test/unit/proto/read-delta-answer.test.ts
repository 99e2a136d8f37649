// The short way to read an answer says what the decoder says, or nothing.

import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import { decode, encode } from '../../../proto/codec.ts';
import { DeltaDiscoveryRequest } from '../../../proto/generated/envoy.service.discovery.v3.ts';
import { readDeltaAnswer } from '../../../proto/read-delta-answer.ts';

const bytesOf = (request: DeltaDiscoveryRequest): Buffer =>
  Buffer.from(encode<DeltaDiscoveryRequest>(DeltaDiscoveryRequest, request));

test('reads a type and a nonce', () => {
  const answer = { typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster', responseNonce: 'a-1' };
  expect(readDeltaAnswer(bytesOf(answer))).toEqual(answer);
});

test.each<[string, DeltaDiscoveryRequest]>([
  ['nothing', {}],
  ['no nonce', { typeUrl: 't' }],
  ['a node', { node: { id: 'n' }, typeUrl: 't', responseNonce: 'a' }],
  ['a rejection', { typeUrl: 't', responseNonce: 'a', errorDetail: {} }],
  ['names', { typeUrl: 't', responseNonce: 'a', resourceNamesSubscribe: ['x'] }],
  ['names to forget', { typeUrl: 't', responseNonce: 'a', resourceNamesUnsubscribe: ['x'] }],
  ['versions', { typeUrl: 't', responseNonce: 'a', initialResourceVersions: { x: '1' } }],
  ['other letters', { typeUrl: 'tü', responseNonce: 'a' }],
  ['a long type', { typeUrl: 't'.repeat(128), responseNonce: 'a' }],
])('leaves a request with %s to the decoder', (_what, request) => {
  expect(readDeltaAnswer(bytesOf(request))).toBeUndefined();
});

test('agrees with the decoder on whatever it reads', () => {
  const field = fc.tuple(fc.constantFrom(0x12, 0x32, 0x1a, 0x3a, 0x10), fc.uint8Array({ maxLength: 6 }));
  const message = fc
    .array(field, { maxLength: 4 })
    .map((fields) => Buffer.concat(fields.map(([tag, value]) => Buffer.from([tag, value.length, ...value]))));
  fc.assert(
    fc.property(fc.oneof(message, fc.uint8Array({ maxLength: 12 })), (bytes) => {
      const read = readDeltaAnswer(Buffer.from(bytes));
      return (
        read === undefined ||
        isDeepStrictEqual({ typeUrl: '', responseNonce: '', ...decode(DeltaDiscoveryRequest, bytes) }, read)
      );
    }),
  );
});
