// Delta requests read by hand: what comes out is what the decoder says, for everything that a client may send.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decode, encode } from '../../../proto/codec.ts';
import { DeltaDiscoveryRequest } from '../../../proto/generated/envoy.service.discovery.v3.ts';
import { plainDeltaRequest, readDeltaRequest } from '../../../proto/read-delta-request.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 200 }).filter((value) => !value.includes('\uFFFD'));

/** As names and versions are in practice; some are as long as the length of a field in one byte allows, or longer. */
const asciiText = fc.oneof(
  fc.string({ unit: 'grapheme-ascii', maxLength: 140 }),
  fc.constantFrom(127, 128).map(letters),
);

function letters(length: number): string {
  return 'x'.repeat(length);
}

function requestOf(texts: fc.Arbitrary<string>): fc.Arbitrary<DeltaDiscoveryRequest> {
  return fc.record({
    node: fc.option(fc.record({ id: texts, cluster: texts }), { nil: undefined }),
    typeUrl: texts,
    resourceNamesSubscribe: fc.array(texts, { maxLength: 20 }),
    resourceNamesUnsubscribe: fc.array(texts, { maxLength: 5 }),
    initialResourceVersions: fc.dictionary(
      texts.filter((name) => name !== '__proto__'),
      texts,
      { maxKeys: 20 },
    ),
    responseNonce: texts,
    errorDetail: fc.option(fc.record({ code: fc.integer({ min: 1, max: 300 }), message: texts }), { nil: undefined }),
  });
}

const request = fc.oneof(requestOf(text), requestOf(asciiText));

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

  test('is never something else than the decoder says, whichever byte of what is announced is another', () => {
    const announced = fc.dictionary(fc.stringMatching(/^[a-z|.]{0,9}$/), fc.stringMatching(/^[a-f0-9]{0,5}$/), {
      maxKeys: 3,
    });
    fc.assert(
      fc.property(announced, fc.nat(), fc.nat({ max: 255 }), (initialResourceVersions, place, byte) => {
        const buffer = bytesOf({ typeUrl: 't', initialResourceVersions });
        buffer[place % buffer.length] = byte;
        const read = outcomeOf(() => readDeltaRequest(buffer));
        const decoded = outcomeOf(() =>
          plainDeltaRequest(decode<DeltaDiscoveryRequest>(DeltaDiscoveryRequest, buffer)),
        );
        expect(read ?? decoded).toEqual(decoded);
      }),
      { numRuns: 5000 },
    );
  });
});
