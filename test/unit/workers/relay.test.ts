// What the main process says to a worker arrives as it was meant, however it is cut and whatever is forgotten on the way.

import fc from 'fast-check';
import { duplexPair } from 'node:stream';
import { expect, test } from 'vitest';
import type { StreamReader } from '../../../server/grpc/http-stream.ts';
import { FrameSocket } from '../../../server/workers/frame-socket.ts';
import { payloadFlag, toWorker } from '../../../server/workers/frames.ts';
import { RelayOutput } from '../../../server/workers/relay-output.ts';
import { RelayedStream } from '../../../server/workers/relayed-stream.ts';
import { decodeHeaders, decodeOpened, encodeHeaders, encodeOpened } from '../../../server/workers/stream-fields.ts';
import { waitFor } from '../../support/wait-for.ts';

interface Frame {
  readonly kind: number;
  readonly about: number;
  readonly body: Buffer;
}

interface Scene {
  readonly socket: FrameSocket;
  readonly frames: Frame[];
  readonly closed: string[];
}

/** A socket, and what its other end hears. */
function scene(): Scene {
  const [near, far] = duplexPair();
  const frames: Frame[] = [];
  const closed: string[] = [];
  new FrameSocket(far).listen({
    frame: (kind, about, body) => frames.push({ kind, about, body: Buffer.from(body) }),
    closed: (reason) => closed.push(reason),
  });
  return { socket: new FrameSocket(near), frames, closed };
}

const heard = ({ frames }: Scene, count: number): Promise<unknown> =>
  waitFor(
    () => frames.length,
    (length) => length >= count,
    { what: `${count} frames`, intervalMs: 1 },
  );

/** What a worker makes of the frames: the messages of each stream, and the most bytes that it had to remember. */
function played(frames: readonly Frame[]): { readonly messages: readonly Buffer[]; readonly mostBytes: number } {
  const payloads = new Map<number, Buffer>();
  const messages: Buffer[] = [];
  let mostBytes = 0;
  for (const { kind, about, body } of frames) {
    if (kind === toWorker.define) payloads.set(about, body);
    if (kind === toWorker.forget) payloads.delete(about);
    mostBytes = Math.max(
      mostBytes,
      payloads.values().reduce((sum, bytes) => sum + bytes.length, 0),
    );
    if (kind !== toWorker.message) continue;
    const parts: Buffer[] = [];
    for (let offset = 0; offset < body.length;) {
      const head = body.readUInt32BE(offset);
      offset += 4;
      const payload = head >= payloadFlag ? payloads.get(head - payloadFlag) : body.subarray(offset, offset + head);
      if (payload === undefined) throw new Error(`payload ${head - payloadFlag} is not known`);
      parts.push(payload);
      if (head < payloadFlag) offset += head;
    }
    messages.push(Buffer.concat(parts));
  }
  return { messages, mostBytes };
}

test('frames of any sizes arrive whole and in order', async () => {
  const frame = fc.record({
    kind: fc.integer({ min: 1, max: 255 }),
    about: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    body: fc.uint8Array({ maxLength: 5000 }).map((bytes) => Buffer.from(bytes)),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 40 }), async (frames) => {
      const at = scene();
      for (const { kind, about, body } of frames) at.socket.batch.add(kind, about, body);
      at.socket.schedule();
      await heard(at, frames.length);
      expect(at.frames).toEqual(frames);
    }),
    { numRuns: 50 },
  );
});

test('messages arrive whole, a shared part is sent once, and what is forgotten is sent again', async () => {
  const at = scene();
  const output = new RelayOutput(at.socket);
  const shared = Array.from({ length: 12 }, (_, nth) => Buffer.alloc(1024 * 1024, nth));
  const sent: Buffer[] = [];
  const send = (nth: number, nonce: string): void => {
    const parts = [shared[nth] ?? Buffer.alloc(0), Buffer.from(nonce)];
    sent.push(Buffer.concat(parts));
    output.message(sent.length, parts);
  };
  for (let stream = 0; stream < 5; stream += 1) send(0, `nonce ${stream}`);
  expect(output.definedPayloads).toBe(1);
  for (let nth = 0; nth < shared.length; nth += 1) send(nth, 'again');
  expect(output.definedPayloads).toBe(shared.length);
  send(0, 'after it was forgotten');
  expect(output.definedPayloads).toBe(shared.length + 1);
  // 12 payloads and one again, 5 that are forgotten, 18 messages.
  await heard(at, 13 + 5 + 18);
  const { messages, mostBytes } = played(at.frames);
  expect(messages.map((message, index) => message.equals(sent[index] ?? Buffer.alloc(0)))).toEqual(
    sent.map(() => true),
  );
  expect(mostBytes).toBeLessThanOrEqual(9 * 1024 * 1024);
});

test('headers and peers of any text come back as they were', () => {
  const name = fc.string({ minLength: 1 });
  const values = fc.oneof(fc.string({ unit: 'grapheme' }), fc.array(fc.string(), { minLength: 2 }));
  fc.assert(
    fc.property(fc.array(fc.tuple(name, values)), fc.option(fc.uint8Array()), (headers, der) => {
      const opened = {
        port: 3,
        peer: {
          address: '10.0.0.1:5',
          certificate: der === null ? undefined : { der: Buffer.from(der), uris: ['spiffe://a/b', 'c'] },
        },
        headers: Object.fromEntries(headers),
      };
      expect(decodeOpened(Buffer.from(encodeOpened(opened)))).toEqual(opened);
    }),
  );
  expect(decodeHeaders(Buffer.from(encodeHeaders({ ':status': 200, 'grpc-message': 'ü' })))).toEqual({
    ':status': '200',
    'grpc-message': 'ü',
  });
});

test('a body that is cut off is a RangeError, not a guess', () => {
  const body = Buffer.from(
    encodeOpened({ port: 1, peer: { address: 'a', certificate: undefined }, headers: { b: 'c' } }),
  );
  for (let length = 0; length < body.length; length += 1) {
    expect(() => decodeOpened(body.subarray(0, length))).toThrow(RangeError);
  }
});

test('a stream is given credit for what was read of it, and a paused one for nothing more', async () => {
  const at = scene();
  const stream = new RelayedStream(
    7,
    { port: 1, peer: { address: '', certificate: undefined }, headers: {} },
    new RelayOutput(at.socket),
  );
  const read: number[] = [];
  const reader: StreamReader = { data: (chunk) => read.push(chunk.length), ended: () => read.push(-1) };
  const credit = (): number =>
    at.frames
      .filter(({ kind, about }) => kind === toWorker.credit && about === 7)
      .reduce((sum, { body }) => sum + body.readUInt32BE(), 0);
  stream.received(Buffer.alloc(10));
  stream.read(reader);
  stream.received(Buffer.alloc(20_000));
  await waitFor(credit, (bytes) => bytes === 32 * 1024 + 20_010, { what: 'credit', intervalMs: 1 });
  stream.pause();
  stream.received(Buffer.alloc(30_000));
  stream.ended();
  expect(read).toEqual([10, 20_000]);
  stream.resume();
  await waitFor(credit, (bytes) => bytes === 32 * 1024 + 50_010, { what: 'more credit', intervalMs: 1 });
  expect(read).toEqual([10, 20_000, 30_000, -1]);
});

test('a stream that was ended hands nothing more to its reader, and does not keep the client waiting', async () => {
  const at = scene();
  const stream = new RelayedStream(
    7,
    { port: 1, peer: { address: '', certificate: undefined }, headers: {} },
    new RelayOutput(at.socket),
  );
  const read: number[] = [];
  stream.read({ data: (chunk) => read.push(chunk.length), ended: () => read.push(-1) });
  stream.received(Buffer.alloc(10));
  stream.pause();
  stream.received(Buffer.alloc(30_000));
  stream.end({ 'grpc-status': 8 });
  await heard(at, 3);
  stream.ended();
  expect(read).toEqual([10]);
  expect(at.frames.map(({ kind }) => kind)).toEqual([toWorker.credit, toWorker.end, toWorker.credit]);
});

test('a side that says what is no frame is left', async () => {
  const [near, far] = duplexPair();
  const closed: string[] = [];
  new FrameSocket(far).listen({ frame: () => undefined, closed: (reason) => closed.push(reason) });
  near.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  await waitFor(
    () => closed.length,
    (count) => count === 1,
    { what: 'the end', intervalMs: 1 },
  );
  expect(far.destroyed).toBe(true);
});
