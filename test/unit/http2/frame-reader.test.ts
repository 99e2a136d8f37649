import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameReader, type Frame, type FrameReceiver } from '../../../server/http2/frame-reader.ts';
import { clientPreface } from '../../../server/http2/frame-types.ts';
import { writeFrameHeader } from '../../../server/http2/frames.ts';

const nobody: FrameReceiver = { takeFrame: () => undefined };

type Sent = Omit<Frame, 'payload'> & { readonly payload: Buffer };

function wireOf({ payload, ...header }: Sent): Buffer {
  const bytes = Buffer.alloc(9);
  writeFrameHeader(bytes, 0, { ...header, length: payload.length });
  return Buffer.concat([bytes, payload]);
}

const frames = fc.array(
  fc.record({
    type: fc.nat(255),
    flags: fc.nat(255),
    streamId: fc.nat(2 ** 31 - 1),
    payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  }),
  { maxLength: 8 },
);

test('frames are read whole, however they are cut into chunks', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(frames, cuts, (sent, sizes) => {
      const wire = Buffer.concat([Buffer.from(clientPreface), ...sent.map(wireOf)]);
      const reader = new FrameReader();
      const received: Sent[] = [];
      for (let offset = 0, turn = 0; offset < wire.length; turn += 1) {
        const end = offset + (sizes[turn % sizes.length] ?? 1);
        const fault = reader.push(wire.subarray(offset, end), {
          takeFrame: (frame) => {
            received.push({ ...frame, payload: Buffer.from(frame.payload) });
            return undefined;
          },
        });
        expect(fault).toBeUndefined();
        offset = end;
      }
      expect(received).toEqual(sent);
    }),
  );
});

test.each([1, 5, 24])('a client that begins otherwise is told so at once, in chunks of %i', (size) => {
  const wire = Buffer.from('GET / HTTP/1.1\r\nHost: here\r\n\r\n');
  const reader = new FrameReader();
  const faults = [];
  for (let offset = 0; offset < wire.length && faults.length === 0; offset += size) {
    const fault = reader.push(wire.subarray(offset, offset + size), nobody);
    if (fault !== undefined) faults.push(fault);
  }
  expect(faults).toMatchObject([{ code: 1, reason: 'not a client of HTTP/2' }]);
});

test('a frame that is too large is refused by its header, before any of it is held', () => {
  const reader = new FrameReader();
  expect(reader.push(Buffer.from(clientPreface), nobody)).toBeUndefined();
  const header = Buffer.alloc(9);
  writeFrameHeader(header, 0, { length: 16_385, type: 0, flags: 0, streamId: 1 });
  expect(reader.push(header, nobody)).toMatchObject({ code: 6 });
});
