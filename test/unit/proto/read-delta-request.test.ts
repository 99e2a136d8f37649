// Delta requests read by hand: what comes out is what the decoder says, for everything that a client may send.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decode, encode } from '../../../proto/codec.ts';
import { DeltaDiscoveryRequest } from '../../../proto/generated/envoy.service.discovery.v3.ts';
import { plainDeltaRequest, readDeltaRequest } from '../../../proto/read-delta-request.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 200 }).filter((value) => !value.includes('\uFFFD'));

const request: fc.Arbitrary<DeltaDiscoveryRequest> = fc.record({
  node: fc.option(fc.record({ id: text, cluster: text }), { nil: undefined }),
  typeUrl: text,
  resourceNamesSubscribe: fc.array(text, { maxLength: 20 }),
  resourceNamesUnsubscribe: fc.array(text, { maxLength: 5 }),
  initialResourceVersions: fc.dictionary(
    text.filter((name) => name !== '__proto__'),
    text,
    { maxKeys: 20 },
  ),
  responseNonce: text,
  errorDetail: fc.option(fc.record({ code: fc.integer({ min: 1, max: 300 }), message: text }), { nil: undefined }),
});

function bytesOf(message: DeltaDiscoveryRequest): Buffer {
  return Buffer.from(encode<DeltaDiscoveryRequest>(DeltaDiscoveryRequest, message));
}

function outcomeOf<T>(read: () => T): T | 'malformed' {
  try {
    return read();
  } catch {
    return 'malformed';
  }
}

describe('a delta request read by hand', () => {
  test('is what the decoder makes of it', () => {
    fc.assert(
      fc.property(request, (message) => {
        const bytes = bytesOf(message);
        expect(readDeltaRequest(bytes)).toEqual(
          plainDeltaRequest(decode<DeltaDiscoveryRequest>(DeltaDiscoveryRequest, bytes)),
        );
      }),
    );
  });

  test('is left to the decoder where it is cut off', () => {
    const bytes = bytesOf({ typeUrl: 'type', resourceNamesSubscribe: ['one', 'two'] });
    expect(readDeltaRequest(bytes.subarray(0, bytes.length - 1))).toBeUndefined();
  });

  test('is left to the decoder where text is not UTF-8', () => {
    const bytes = bytesOf({ typeUrl: 'type' });
    bytes[3] = 0xff;
    expect(readDeltaRequest(bytes)).toBeUndefined();
  });

  test('is left to the decoder where a field has another shape, or is unknown', () => {
    expect(readDeltaRequest(Buffer.from([0x10, 1]))).toBeUndefined();
    expect(readDeltaRequest(Buffer.from([0x42, 1, 0x41]))).toBeUndefined();
    expect(readDeltaRequest(Buffer.from([0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]))).toBeUndefined();
  });

  test('is never something else than the decoder says, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        const read = outcomeOf(() => readDeltaRequest(buffer));
        const decoded = outcomeOf(() =>
          plainDeltaRequest(decode<DeltaDiscoveryRequest>(DeltaDiscoveryRequest, buffer)),
        );
        expect(read ?? decoded).toEqual(decoded);
      }),
      { numRuns: 2000 },
    );
  });
});
