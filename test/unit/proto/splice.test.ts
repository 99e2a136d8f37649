import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encode } from '../../../proto/codec.ts';
import { StringValue, Any } from '../../../proto/generated/google.protobuf.ts';
import {
  DeltaDiscoveryResponse,
  DiscoveryResponse,
  Resource,
} from '../../../proto/generated/envoy.service.discovery.v3.ts';
import {
  concat,
  encodeAny,
  deltaFrames,
  encodeDeltaResponse,
  encodeDiscoveryResponse,
  encodeResource,
  encodeResourceFrames,
  frame,
  resourcesField,
} from '../../../proto/splice.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const any = fc.record({ typeUrl: text, value: fc.uint8Array({ maxLength: 300 }) });
const controlPlane = fc.option(fc.record({ identifier: text }), { nil: undefined });
const resource = fc.record({ name: text, version: text, resource: any, aliases: fc.array(text, { maxLength: 3 }) });

const bytesOf = (parts: { typeUrl: string; value: Uint8Array }) => encodeAny(parts.typeUrl, parts.value);

test('frames of a resource are in memory of their own, not in a pool whose other contents they would keep', () => {
  const frames = encodeResourceFrames({ name: 'a', version: '1', typeUrl: 'b', value: Uint8Array.of(1, 2, 3) });
  expect(frames.deltaFrame.buffer.byteLength).toBe(frames.deltaFrame.length);
  expect(frames.anyFrame.buffer).toBe(frames.deltaFrame.buffer);
});

describe('spliced bytes are those of encode()', () => {
  test('Any', () => {
    fc.assert(
      fc.property(any, (parts) => {
        expect(bytesOf(parts)).toEqual(encode(Any, parts));
      }),
    );
  });

  test('Resource', () => {
    fc.assert(
      fc.property(resource, (parts) => {
        const spliced = encodeResource({ ...parts, any: bytesOf(parts.resource) });
        expect(spliced).toEqual(encode(Resource, parts));
        const { resource, ...named } = parts;
        const frames = encodeResourceFrames({ ...named, ...resource });
        expect(frames.deltaFrame).toEqual(frame(resourcesField, spliced));
        expect(frames.anyFrame).toEqual(frame(resourcesField, bytesOf(resource)));
        expect(Buffer.from(frames.value)).toEqual(Buffer.from(resource.value));
      }),
    );
  });

  test('DeltaDiscoveryResponse', () => {
    const response = fc.record({
      resources: fc.array(resource, { maxLength: 4 }),
      systemVersionInfo: text,
      typeUrl: text,
      removedResources: fc.array(text, { maxLength: 4 }),
      nonce: text,
      controlPlane,
    });
    fc.assert(
      fc.property(response, ({ resources, ...rest }) => {
        const resourceFrames = resources.map((parts) =>
          frame(resourcesField, encodeResource({ ...parts, any: bytesOf(parts.resource) })),
        );
        expect(encodeDeltaResponse({ ...rest, resourceFrames })).toEqual(
          encode(DeltaDiscoveryResponse, { ...rest, resources }),
        );
        const { typeUrl, nonce, removedResources } = rest;
        const byHand = concat([
          ...resourceFrames,
          deltaFrames.typeUrl(typeUrl),
          deltaFrames.nonce(nonce),
          ...removedResources.map(deltaFrames.removedResource),
        ]);
        expect(byHand).toEqual(encodeDeltaResponse({ typeUrl, nonce, removedResources, resourceFrames }));
      }),
    );
  });

  test('DiscoveryResponse', () => {
    const response = fc.record({
      versionInfo: text,
      resources: fc.array(any, { maxLength: 4 }),
      typeUrl: text,
      nonce: text,
      controlPlane,
    });
    fc.assert(
      fc.property(response, ({ resources, ...rest }) => {
        const resourceFrames = resources.map((parts) => frame(resourcesField, bytesOf(parts)));
        expect(encodeDiscoveryResponse({ ...rest, resourceFrames })).toEqual(
          encode(DiscoveryResponse, { ...rest, resources }),
        );
      }),
    );
  });

  test.each([0, 1, 127, 128, 16_383, 16_384, 2_097_152])('a frame of %i bytes', (length) => {
    const value = 'x'.repeat(length);
    const expected = length === 0 ? Uint8Array.of(10, 0) : encode(StringValue, { value });
    expect(frame(1, Buffer.from(value))).toEqual(Buffer.from(expected));
  });

  test('a field number with a tag of two bytes', () => {
    expect(frame(43, Uint8Array.of(7))).toEqual(Buffer.from([0xda, 0x02, 1, 7]));
  });

  test('no parts make no bytes', () => {
    expect(concat([])).toHaveLength(0);
  });
});
