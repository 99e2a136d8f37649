// The HPACK of node:http2 (nghttp2) on the other end of a connection.

import { once } from 'node:events';
import { sensitiveHeaders, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeHeaders } from '../../../server/http2/hpack/encode-headers.ts';
import { HeaderDecoder } from '../../../server/http2/hpack/header-decoder.ts';
import type { HeaderField } from '../../../server/http2/hpack/header-field.ts';
import { openHpackPeer, type HpackPeer } from './hpack-peer.ts';

const answer = encodeHeaders({ ':status': 200 });

async function request(peer: HpackPeer, headers: OutgoingHttpHeaders): Promise<IncomingHttpHeaders> {
  const stream = peer.client.request({ ':method': 'POST', ':path': '/a.B/C', ...headers });
  const [response] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  return response;
}

/** What the decoder makes of all blocks, the fields of each without the pseudo headers. */
function regularFields(peer: HpackPeer, maxTableBytes: number): readonly (readonly HeaderField[])[] {
  const decoder = new HeaderDecoder({ maxTableBytes, maxListBytes: 2 ** 20 });
  return peer.blocks.map((block) => {
    const decoded = decoder.decode(block);
    if (decoded.kind !== 'headers') throw new Error(JSON.stringify(decoded));
    return decoded.fields.filter(([name]) => !name.startsWith(':'));
  });
}

const nameCharacter = fc.constantFrom(...Array.from('abcdefghijklmnopqrstuvwxyz0123456789-_.'));
const name = fc.oneof(
  fc.constantFrom('user-agent', 'grpc-timeout', 'authorization', 'accept-encoding', 'x-a', 'cache-control'),
  fc.string({ unit: nameCharacter, minLength: 1, maxLength: 40 }).map((text) => `x${text}`),
);
const latin1 = fc
  .uint8Array({ maxLength: 60 })
  .map((bytes) => Buffer.from(bytes.filter((byte) => byte >= 0x20 && byte !== 0x7f)).toString('latin1'));
const value = fc.oneof(
  fc.constantFrom('gzip, deflate', '', '1S', 'no-cache'),
  fc.string({ unit: nameCharacter, maxLength: 300 }),
  latin1,
);
/** Some of them never to be added to a table. */
const headerSet = fc.record({
  headers: fc.dictionary(name, value, { maxKeys: 12, noNullPrototype: true }),
  sensitive: fc.subarray(['authorization', 'x-a']),
});

describe('the blocks of a node:http2 client', () => {
  // Once it has read a size, the first block of the client begins with what it makes of it.
  test.each([0, 100, 256, 4096, 65_536])(
    'decode to what it was asked to send, with a table of %i bytes',
    async (tableBytes) => {
      await using peer = await openHpackPeer({ tableBytes, answer });
      const sets = fc.sample(headerSet, 120);
      for (const { headers, sensitive } of sets) await request(peer, { ...headers, [sensitiveHeaders]: sensitive });
      expect((peer.blocks[0]?.[0] ?? 0) & 0xe0).toBe(0x20);
      expect(regularFields(peer, tableBytes)).toEqual(sets.map(({ headers }) => Object.entries(headers)));
    },
  );

  test('decode for every byte that it can send, Huffman coded', async () => {
    await using peer = await openHpackPeer({ answer });
    const bytes = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => ![0, 10, 13].includes(byte));
    // Zeros have the shortest code: with enough of them the whole text is shorter coded than as it is.
    const values = bytes.map((byte) => `0000000000000000${String.fromCharCode(byte)}0000000000000000`);
    for (const text of values) await request(peer, { 'x-byte': text });
    expect(regularFields(peer, 4096)).toEqual(values.map((text) => [['x-byte', text]]));
    for (const block of peer.blocks) expect(block.includes('00000000')).toBe(false);
  });

  test('decode when they come in several frames', async () => {
    await using peer = await openHpackPeer({ answer });
    const long = '~'.repeat(50_000);
    await request(peer, { 'x-long': long });
    expect(regularFields(peer, 4096)).toEqual([[['x-long', long]]]);
  });
});

describe('what encodeHeaders writes', () => {
  test.each([
    { ':status': 200, 'content-type': 'application/grpc', 'grpc-accept-encoding': 'identity' },
    { ':status': 415, 'content-type': 'application/grpc', 'grpc-status': 13, 'grpc-message': 'a%20b' },
    { 'accept-encoding': 'gzip, deflate', ':status': 404, 'x-long': 'v'.repeat(10_000), 'x-empty': '' },
    { ':status': 204, 'x-latin1': 'äöü\u00ff', [`x-${'n'.repeat(200)}`]: 'v'.repeat(126), 'x-127': 'v'.repeat(127) },
  ])('a node:http2 client reads: %o', async (headers) => {
    await using peer = await openHpackPeer({ answer: encodeHeaders(headers) });
    const received = await request(peer, {});
    const sent = Object.entries(headers).map(([name, value]) => [name, name === ':status' ? value : String(value)]);
    expect(Object.fromEntries(Object.entries(received))).toEqual(Object.fromEntries(sent));
  });

  test('is what the decoder reads, whatever the headers, and it adds nothing to a table', () => {
    const decoder = new HeaderDecoder({ maxTableBytes: 4096, maxListBytes: 2 ** 20 });
    fc.assert(
      fc.property(fc.dictionary(name, latin1, { noNullPrototype: true }), (headers) => {
        const block = encodeHeaders(headers);
        expect(decoder.decode(block)).toEqual({ kind: 'headers', fields: Object.entries(headers) });
        expect(decoder.decode(Buffer.of(0x80 | 62)).kind).toBe('malformed');
      }),
    );
  });

  test('is one byte where the static table has the field, behind the size of a table that it does not use, and begins with pseudo headers', () => {
    expect(encodeHeaders({ ':status': 200 }).toString('hex')).toBe('2088');
    expect(encodeHeaders({ 'accept-encoding': 'gzip, deflate', ':status': 404 }).toString('hex')).toBe('208d90');
    expect(encodeHeaders({ 'content-type': 'a' }).toString('hex')).toBe('200f100161');
    expect(encodeHeaders({ b: 'a' }).toString('hex')).toBe('200001620161');
  });
});
