import { expect, test } from 'vitest';
import { MessageFramer } from '../../../server/grpc/message-framing.ts';

const maxPieceBytes = 16 * 1024;
const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const prefixOf = (length: number): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(length, 1);
  return prefix;
};

test.each([[[0]], [[10]], [[4096]], [[4097]], [[40_000, 24]], [[16_384, 20, 3]], [[100, 40_000]], [[20_000, 20_000]]])(
  'a message in parts of %j bytes is on the wire what its parts are behind their length',
  (sizes) => {
    const framer = new MessageFramer(maxPieceBytes);
    const parts = sizes.map((size, index) => bytes(size, index + 1));
    const message = Buffer.concat(parts);
    for (let time = 0; time < 2; time += 1) {
      const pieces = framer.pieces(parts);
      expect(Buffer.concat(pieces.flat()).equals(Buffer.concat([prefixOf(message.length), message]))).toBe(true);
    }
  },
);

test('no piece is much longer than it may be', () => {
  const pieces = new MessageFramer(maxPieceBytes).pieces([bytes(100_000, 1), bytes(24, 2), bytes(500, 3)]);
  for (const piece of pieces) expect(Buffer.concat(piece).length).toBeLessThan(maxPieceBytes + 4096);
});

test('what streams share of a large message is cut once, whatever follows it', () => {
  const framer = new MessageFramer(maxPieceBytes);
  const shared = bytes(40_000, 1);
  const [one, other] = [2, 3].map((value) => framer.pieces([shared, bytes(24, value)]).flat());
  expect(one?.length).toBe(5);
  expect(one?.slice(0, -1).every((piece, index) => piece === other?.[index])).toBe(true);
  expect(one?.at(-1)).not.toEqual(other?.at(-1));
});

test('a part that begins messages of several lengths has the right length before it each time', () => {
  const framer = new MessageFramer(maxPieceBytes);
  const shared = bytes(40_000, 1);
  for (const length of [24, 48, 24]) {
    const [first] = framer.pieces([shared, bytes(length, 2)]);
    expect(first?.[0]).toEqual(prefixOf(40_000 + length));
  }
});
