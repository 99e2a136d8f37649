import { describe, expect, test } from 'vitest';
import { decode } from '../../../proto/codec.ts';
import { Cluster } from '../../../proto/generated/envoy.config.cluster.v3.ts';
import { DeltaDiscoveryResponse, DiscoveryResponse } from '../../../proto/generated/envoy.service.discovery.v3.ts';
import { encodeResource, encodeResourceBytes } from '../../../server/cache/encode-resource.ts';

const encoded = encodeResource({ type: Cluster, name: 'a', message: { name: 'a', altStatName: 'x' }, sources: [] });

describe('an encoded resource', () => {
  test('has both frames ready: alone, each is a response with this one resource', () => {
    const any = { typeUrl: Cluster.typeUrl, value: Buffer.from(encoded.body) };
    expect(decode(DiscoveryResponse, encoded.anyFrame)).toEqual({ resources: [any] });
    expect(decode(DeltaDiscoveryResponse, encoded.deltaFrame)).toEqual({
      resources: [{ name: 'a', version: encoded.version, resource: any }],
    });
    expect(decode(Cluster, encoded.body)).toEqual({ name: 'a', altStatName: 'x' });
  });

  test('has a version that depends on its bytes alone', () => {
    const message = { altStatName: 'x', name: 'a' };
    expect(encodeResource({ type: Cluster, name: 'a', message, sources: [] }).version).toBe(encoded.version);
    const other = encodeResource({ type: Cluster, name: 'a', message: { name: 'a', altStatName: 'y' }, sources: [] });
    expect(other.version).not.toBe(encoded.version);
    expect(encoded.version).toMatch(/^[0-9a-f]{16}$/);
  });

  test('is the same when it is made of bytes that were encoded before', () => {
    const { typeUrl, body, sources } = encoded;
    expect(encodeResourceBytes({ typeUrl, name: 'a', body, sources })).toEqual(encoded);
  });
});
