// Clients that break the rules of HTTP/2, or keep them to do harm: each is ended with the error code that says why, holds
// nothing without bound, and is not noticed by others.

import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { flood, floodUnread, whileOthersAreServed } from '../../support/http2/abuse.ts';
import { RawClient } from '../../support/http2/raw-client.ts';
import {
  clientPreface,
  dataFrame,
  encodeFrame,
  errorCodes,
  flags,
  frameTypes,
  grpcMessage,
  grpcRequest,
  headerBlock,
  headersFrames,
  hpackInteger,
  indexedLiteral,
  pingFrame,
  priorityFrame,
  rstStreamFrame,
  settingsFrame,
  windowUpdateFrame,
} from '../../support/http2/raw-frames.ts';
import { makeTls } from '../../support/http2/server-tls.ts';
import { openScene, paths, uint32 } from '../../support/http2/transport-scene.ts';

const many = 100_000;
const calm = { ended: true, code: 'enhanceYourCalm' };

const request = grpcRequest(paths.silent);
const echo = grpcRequest(paths.echo);

/** A connection with a stream 1 that is open, and a flood of frames on it. */
async function flooded(frame: (index: number) => Buffer, count = many) {
  await using scene = await openScene();
  using client = await RawClient.connect(scene.port.port);
  client.write(headersFrames(1, grpcRequest(paths.silent)));
  await client.roundTrip();
  const outcome = await whileOthersAreServed(scene, () => flood(client, count, frame));
  await expect.poll(() => scene.interrupted.length).toBe(1);
  return outcome;
}

describe('a flood is ended with ENHANCE_YOUR_CALM:', () => {
  test('streams that are opened and reset at once (CVE-2023-44487)', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    const outcome = await whileOthersAreServed(scene, () =>
      flood(client, many, (index) =>
        Buffer.concat([headersFrames(1 + 2 * index, request), rstStreamFrame(1 + 2 * index)]),
      ),
    );
    expect(outcome).toMatchObject(calm);
    await expect.poll(() => scene.open()).toBe(0);
    expect(scene.begun(paths.silent)).toBeLessThan(1000);
  });

  test('streams that the client makes the server reset (CVE-2025-8671)', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    const outcome = await whileOthersAreServed(scene, () =>
      flood(client, many, (index) =>
        Buffer.concat([headersFrames(1 + 2 * index, request), windowUpdateFrame(1 + 2 * index, 0)]),
      ),
    );
    expect(outcome).toMatchObject(calm);
    expect(scene.begun(paths.silent)).toBeLessThan(1000);
  });

  test('PING', async () => {
    expect(await flooded(() => pingFrame())).toMatchObject(calm);
  });

  test('SETTINGS', async () => {
    expect(await flooded((index) => settingsFrame({ initialWindowSize: 1000 + index }))).toMatchObject(calm);
  });

  test('empty SETTINGS', async () => {
    expect(await flooded(() => settingsFrame())).toMatchObject(calm);
  });

  test('empty DATA', async () => {
    expect(await flooded(() => dataFrame(1, Buffer.alloc(0)))).toMatchObject(calm);
  });

  test('PRIORITY', async () => {
    expect(await flooded((index) => priorityFrame(3 + 2 * index))).toMatchObject(calm);
  });

  test('WINDOW_UPDATE', async () => {
    expect(await flooded((index) => windowUpdateFrame(index % 2, 1))).toMatchObject(calm);
  });

  test('RST_STREAM of a stream that has ended', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    client.write(headersFrames(1, grpcRequest(paths.echo), { end: true }));
    await client.streamEnded(1);
    expect(await whileOthersAreServed(scene, () => flood(client, many, () => rstStreamFrame(1)))).toMatchObject(calm);
  });

  test('frames of an unknown type', async () => {
    expect(await flooded(() => encodeFrame({ type: 0xfa, payload: Buffer.alloc(8) }))).toMatchObject(calm);
  });

  test('CONTINUATION without an end', async () => {
    const frame = (index: number): Buffer =>
      index === 0
        ? encodeFrame({ type: frameTypes.headers, streamId: 3, payload: request })
        : encodeFrame({ type: frameTypes.continuation, streamId: 3, payload: headerBlock([[`x-${index}`, 'y']]) });
    const outcome = await flooded(frame);
    expect(outcome).toMatchObject(calm);
  });

  test('CONTINUATION without an end and without content', async () => {
    const frame = (index: number): Buffer =>
      encodeFrame({ type: index === 0 ? frameTypes.headers : frameTypes.continuation, streamId: 3 });
    expect(await flooded(frame)).toMatchObject(calm);
  });
});

test('a client that floods on after the farewell is not read', async () => {
  await using scene = await openScene();
  using client = await RawClient.connect(scene.port.port);
  await client.roundTrip();
  const pings = Buffer.concat(Array.from({ length: 4000 }, () => pingFrame()));
  const sent = await whileOthersAreServed(scene, () => floodUnread(client, () => pings));
  expect(client.socket.destroyed).toBe(true);
  // Most of it lies in the system's buffers.
  expect(sent * pings.length).toBeLessThan(16 * 2 ** 20);
});

describe('a client that never reads is ended', () => {
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => pingFrame()));

  test.each([
    ['answers to pings', () => pings],
    [
      'answers to calls',
      (index: number) => headersFrames(1 + 2 * index, grpcRequest(`/${'nothing'.repeat(250)}`), { end: true }),
    ],
  ])('before its %s are kept without bound', async (_, frames) => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    await client.roundTrip();
    const sent = await whileOthersAreServed(scene, () => floodUnread(client, frames));
    expect(client.socket.destroyed).toBe(true);
    expect(sent).toBeGreaterThan(0);
    await expect.poll(() => scene.open()).toBe(0);
  });

  test('before more of a large answer is taken than the system holds', async () => {
    await using scene = await openScene({ limits: { keepaliveMs: 500, keepaliveTimeoutMs: 4000 } });
    using client = await RawClient.connect(scene.port.port, { settings: { initialWindowSize: 2 ** 31 - 1 } });
    await client.roundTrip();
    client.socket.pause();
    client.write(
      windowUpdateFrame(0, 2 ** 30),
      headersFrames(1, grpcRequest(paths.produce)),
      dataFrame(1, grpcMessage(uint32(64 * 2 ** 20)), true),
    );
    const isGone = (): boolean => {
      client.write(pingFrame());
      return client.socket.destroyed;
    };
    await expect.poll(isGone, { timeout: 15_000 }).toBe(true);
    expect(scene.taken()).toBeGreaterThan(0);
    expect(scene.taken() * 64 * 1024).toBeLessThan(32 * 2 ** 20);
  });
});

describe('headers', () => {
  test('beyond what the server accepts end their stream alone', async () => {
    await using scene = await openScene({ limits: { maxHeaderBytes: 8192 } });
    using client = await RawClient.connect(scene.port.port);
    const large = Array.from({ length: 10 }, (_, index) => [`x-${index}`, 'y'.repeat(1000)] as const);
    client.write(headersFrames(1, grpcRequest(paths.silent, large)));
    await client.until(() => client.closed || client.resetCode(1) !== undefined || client.ended(1), 'a refusal');
    client.write(headersFrames(3, echo), dataFrame(3, grpcMessage(Buffer.from('x')), true));
    await client.streamEnded(3);
    expect([scene.begun(paths.silent), scene.begun(paths.echo)]).toEqual([0, 1]);
  });

  test('that unpack to far more than they are (an HPACK bomb) are not unpacked', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    const entry = indexedLiteral('x-bomb', 'y'.repeat(3900));
    client.write(headersFrames(1, Buffer.concat([request, entry])));
    // Entry 62 is the newest of the dynamic table: one byte for 3,900.
    const bomb = Buffer.concat([request, Buffer.alloc(16_000, 0x80 | 62)]);
    await whileOthersAreServed(scene, async () => {
      client.write(headersFrames(3, bomb));
      await client.until(() => client.closed || client.resetCode(3) !== undefined || client.ended(3), 'a refusal');
    });
    // The first stream, whose headers were what they seemed.
    await expect.poll(() => scene.begun(paths.silent)).toBe(1);
  });

  test.each([
    ['an index that is in no table', Buffer.of(0x80 | 126)],
    ['the index 0', Buffer.of(0x80)],
    ['a string that ends behind the block', Buffer.concat([Buffer.of(0), hpackInteger(50, 7), Buffer.from('short')])],
    ['an integer without an end', Buffer.concat([Buffer.of(0xff), Buffer.alloc(40, 0xff)])],
    ['a table larger than was allowed', Buffer.concat([Buffer.of(0x20 | 31), hpackInteger(100_000, 5).subarray(1)])],
    ['a change of the table behind a field', Buffer.concat([Buffer.of(0x82), Buffer.of(0x20)])],
    ['Huffman padding of more than seven bits', Buffer.of(0, 0x82, 0xff, 0xff, 0)],
  ])('with %s are answered with COMPRESSION_ERROR', async (_, block) => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    const outcome = await whileOthersAreServed(scene, async () => {
      client.write(headersFrames(1, block));
      return await client.end();
    });
    expect(outcome).toEqual({ code: 'compressionError' });
  });
});

describe('streams', () => {
  test('beyond the allowed number are refused, those that are open go on', async () => {
    await using scene = await openScene({ limits: { maxConcurrentStreams: 5 } });
    using client = await RawClient.connect(scene.port.port);
    for (let index = 0; index < 8; index += 1) client.write(headersFrames(1 + 2 * index, echo));
    await client.until(() => [11, 13, 15].every((id) => client.resetCode(id) !== undefined), 'three refusals');
    expect([11, 13, 15].map((id) => client.resetCode(id))).toEqual(
      Array.from({ length: 3 }, () => errorCodes.refusedStream),
    );
    await expect.poll(() => scene.begun()).toBe(5);
    client.write(dataFrame(1, grpcMessage(Buffer.from('x')), true));
    await client.streamEnded(1);
    client.write(headersFrames(17, echo), dataFrame(17, grpcMessage(Buffer.from('y')), true));
    await client.streamEnded(17);
    expect(client.received(17)).toEqual(grpcMessage(Buffer.from('y')));
  });

  test('that were refused may have had data and trailers on their way', async () => {
    await using scene = await openScene({ limits: { maxConcurrentStreams: 1 } });
    using client = await RawClient.connect(scene.port.port);
    const trailers = headersFrames(3, headerBlock([['x-late', 'y']]), { end: true });
    client.write(headersFrames(1, echo), headersFrames(3, echo));
    for (let count = 0; count < 5; count += 1) client.write(dataFrame(3, Buffer.alloc(1000)));
    client.write(trailers);
    client.write(dataFrame(1, grpcMessage(Buffer.from('x')), true));
    await client.streamEnded(1);
    const resets = client.frames.filter(({ type }) => type === frameTypes.rstStream);
    expect(resets.map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)])).toEqual([
      [3, errorCodes.refusedStream],
    ]);
  });

  test('that are opened beyond the allowed number without end are a flood', async () => {
    await using scene = await openScene({ limits: { maxConcurrentStreams: 5 } });
    using client = await RawClient.connect(scene.port.port);
    const outcome = await whileOthersAreServed(scene, () =>
      flood(client, many, (index) => headersFrames(1 + 2 * index, request)),
    );
    expect(outcome).toMatchObject(calm);
    await expect.poll(() => scene.begun(paths.silent)).toBe(5);
  });
});

describe('what is no HTTP/2 is ended with PROTOCOL_ERROR:', () => {
  test.each([
    ['RST_STREAM of an idle stream', rstStreamFrame(5)],
    ['WINDOW_UPDATE of an idle stream', windowUpdateFrame(5, 1)],
    ['DATA of an idle stream', dataFrame(5, Buffer.of(0))],
    ['CONTINUATION of nothing', encodeFrame({ type: frameTypes.continuation, streamId: 1, flags: flags.endHeaders })],
    ['a stream with an even number', headersFrames(2, request)],
    ['headers of stream 0', headersFrames(0, request)],
    ['PUSH_PROMISE', encodeFrame({ type: frameTypes.pushPromise, streamId: 1, payload: uint32(2) })],
    [
      'a header block that another frame interrupts',
      Buffer.concat([encodeFrame({ type: frameTypes.headers, streamId: 1, payload: request }), pingFrame()]),
    ],
    [
      'DATA whose padding is longer than itself',
      Buffer.concat([
        headersFrames(1, request),
        encodeFrame({ type: frameTypes.data, flags: flags.padded, streamId: 1, payload: Buffer.of(5, 0) }),
      ]),
    ],
    ['ENABLE_PUSH that is neither 0 nor 1', settingsFrame({ enablePush: 2 })],
    ['frames that may not be so large', settingsFrame({ maxFrameSize: 16_383 })],
  ])('%s', async (_, bytes) => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    await client.roundTrip();
    const outcome = await whileOthersAreServed(scene, async () => {
      client.write(bytes);
      return await client.end();
    });
    expect(outcome).toEqual({ code: 'protocolError' });
  });

  test.each([
    ['garbage', Buffer.alloc(2000, 0xa5)],
    ['HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n')],
    [
      'a preface with one wrong byte',
      Buffer.concat([clientPreface.subarray(0, 23), Buffer.from('X'), settingsFrame()]),
    ],
    ['a preface without settings behind it', Buffer.concat([clientPreface, pingFrame()])],
  ])('%s', async (_, bytes) => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port, { settings: 'none' });
    const outcome = await whileOthersAreServed(scene, async () => {
      client.write(bytes);
      return await client.end();
    });
    // "A GOAWAY frame MAY be omitted in this case, since an invalid preface indicates that the peer is not using HTTP/2."
    expect(outcome.code ?? 'protocolError').toBe('protocolError');
  });
});

describe('sizes that are wrong are answered with FRAME_SIZE_ERROR:', () => {
  test.each([
    ['a frame larger than the server takes', encodeFrame({ type: frameTypes.ping, payload: Buffer.alloc(16_385) })],
    ['a PING of seven bytes', encodeFrame({ type: frameTypes.ping, payload: Buffer.alloc(7) })],
    ['SETTINGS of five bytes', encodeFrame({ type: frameTypes.settings, payload: Buffer.alloc(5) })],
    [
      'an acknowledgement of settings with content',
      encodeFrame({ type: frameTypes.settings, flags: flags.ack, payload: Buffer.alloc(6) }),
    ],
    ['WINDOW_UPDATE of three bytes', encodeFrame({ type: frameTypes.windowUpdate, payload: Buffer.alloc(3) })],
  ])('%s', async (_, bytes) => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    await client.roundTrip();
    client.write(bytes);
    expect(await client.end()).toEqual({ code: 'frameSizeError' });
  });

  test('a frame that announces 16 MiB is refused before it has come', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    await client.roundTrip();
    client.write(
      encodeFrame({ type: frameTypes.data, streamId: 1, payload: Buffer.alloc(2 ** 24 - 1) }).subarray(0, 9),
    );
    expect(await client.end()).toEqual({ code: 'frameSizeError' });
  });
});

describe('windows that grow too large are answered with FLOW_CONTROL_ERROR:', () => {
  test('of the connection', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    client.write(windowUpdateFrame(0, 2 ** 31 - 1));
    expect(await client.end()).toEqual({ code: 'flowControlError' });
  });

  test('of a stream', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    client.write(headersFrames(1, request), windowUpdateFrame(1, 2 ** 31 - 1));
    await client.until(() => client.resetCode(1) !== undefined, 'a reset');
    expect(client.resetCode(1)).toBe(errorCodes.flowControlError);
    client.write(headersFrames(3, echo), dataFrame(3, grpcMessage(Buffer.from('x')), true));
    await client.streamEnded(3);
  });

  test('of all streams by the settings', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    client.write(headersFrames(1, request), windowUpdateFrame(1, 2 ** 30));
    client.sendSettings({ initialWindowSize: 2 ** 31 - 1 });
    expect(await client.end()).toEqual({ code: 'flowControlError' });
  });
});

describe('a client that is too slow to begin', () => {
  test.each([
    ['says nothing', Buffer.alloc(0)],
    ['sends half a preface', clientPreface.subarray(0, 12)],
    ['sends a preface and no settings', clientPreface],
    [
      'sends half a frame of settings',
      Buffer.concat([clientPreface, settingsFrame({ maxFrameSize: 20_000 }).subarray(0, 11)]),
    ],
  ])('and %s is closed after the time of a handshake', async (_, bytes) => {
    await using scene = await openScene({ limits: { handshakeTimeoutMs: 100 } });
    using client = await RawClient.connect(scene.port.port, { settings: 'none' });
    if (bytes.length > 0) client.write(bytes);
    await client.end();
    expect(client.closed).toBe(true);
  });

  test('and has begun is not', async () => {
    await using scene = await openScene({ limits: { handshakeTimeoutMs: 1000 } });
    using slow = await RawClient.connect(scene.port.port, { settings: 'none' });
    using client = await RawClient.connect(scene.port.port);
    await client.roundTrip();
    await slow.end();
    await client.roundTrip();
    expect(client.closed).toBe(false);
  });
});

describe('TLS', () => {
  test.each([
    ['no protocol', {}],
    ['HTTP/1.1', { ALPNProtocols: ['http/1.1'] }],
  ])('with a client that speaks %s ends before any HTTP', async (_, options) => {
    const { port: tls, anonymous } = await makeTls();
    await using scene = await openScene({ tls });
    const socket = connectTls({ host: '127.0.0.1', port: scene.port.port, ...anonymous, ...options });
    const bytes: Buffer[] = [];
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => bytes.push(chunk));
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
    expect(Buffer.concat(bytes).length).toBe(0);
    using proper = await RawClient.connect(scene.port.port, { tls: anonymous });
    await proper.roundTrip();
  });

  test('whose handshake is never finished is closed after its time', async () => {
    const { port: tls } = await makeTls();
    await using scene = await openScene({ tls, limits: { handshakeTimeoutMs: 100 } });
    const socket = connectTcp(scene.port.port, '127.0.0.1');
    socket.resume();
    await once(socket, 'close');
    expect(socket.destroyed).toBe(true);
  });
});
