import { expect, test } from 'vitest';
import { oneFrame, OutgoingMessage } from '../../../server/http2/outgoing-message.ts';

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

function prefixOf(length: number): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

/** The payloads of DATA frames of stream 7. */
function payloadsOf(wire: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  for (let offset = 0; offset < wire.length;) {
    const length = wire.readUIntBE(offset, 3);
    expect([wire[offset + 3], wire[offset + 4], wire.readUInt32BE(offset + 5)]).toEqual([0, 0, 7]);
    payloads.push(wire.subarray(offset + 9, offset + 9 + length));
    offset += 9 + length;
  }
  return payloads;
}

const sizes = [[0], [10], [4096], [16_379], [16_380], [40_000, 24], [16_384, 0, 3], [100, 40_000], [20_000, 20_000]];

test.each(sizes.flatMap((parts) => [1, 3, 5, 9, 16_384, 65_536].map((room) => [parts, room] as const)))(
  'a message in parts of %j bytes is whole on the wire where there is room for %i at a time',
  (lengths, room) => {
    const parts = lengths.map((size, index) => bytes(size, index + 1));
    const expected = Buffer.concat([prefixOf(Buffer.concat(parts).length), ...parts]);
    const message = new OutgoingMessage(parts, () => undefined);
    const received: Buffer[] = [];
    while (message.left > 0) {
      const left = message.left;
      const piece = message.next({ streamId: 7, bytes: room, maxFrameBytes: 16_384 });
      const payloads = payloadsOf(Buffer.concat(piece.buffers));
      received.push(...payloads);
      expect(payloads.every((payload) => payload.length > 0 && payload.length <= 16_384)).toBe(true);
      expect(piece.bytes).toBe(Math.min(room, left));
      expect(message.left).toBe(left - piece.bytes);
    }
    expect(Buffer.concat(received).equals(expected)).toBe(true);
  },
);

test('what is shared with other streams is sent as it is, without a copy', () => {
  const shared = bytes(40_000, 1);
  const { buffers } = new OutgoingMessage([shared], () => undefined).next({
    streamId: 7,
    bytes: 65_536,
    maxFrameBytes: 16_384,
  });
  expect(buffers.filter((buffer) => buffer.buffer === shared.buffer).map((buffer) => buffer.length)).toEqual([
    16_379, 16_384, 7237,
  ]);
});

test('a small message is one frame behind what goes before it', () => {
  const wire = oneFrame(7, [bytes(3, 1), bytes(2, 2)], 5, Buffer.from('before'));
  expect(wire.subarray(0, 6).toString()).toBe('before');
  expect(payloadsOf(wire.subarray(6))).toEqual([Buffer.from([0, 0, 0, 0, 5, 1, 1, 1, 2, 2])]);
});
