// A gRPC port and clients that are not ours: grpc-js, node:http2, and bare frames for what is proper but rare.

import grpc from '@grpc/grpc-js';
import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import { describe, expect, test } from 'vitest';
import { RawClient } from '../../support/http2/raw-client.ts';
import {
  clientPreface,
  dataFrame,
  encodeFrame,
  flags,
  frameTypes,
  grpcMessage,
  grpcRequest,
  headerBlock,
  headersFrames,
  settingsFrame,
  windowUpdateFrame,
} from '../../support/http2/raw-frames.ts';
import { clientIdentity, makeTls } from '../../support/http2/server-tls.ts';
import { askedHeaders, GrpcClient, openScene, paths, uint32 } from '../../support/http2/transport-scene.ts';

const KiB = 1024;
const sizes = [
  0,
  1,
  16 * KiB - 1,
  16 * KiB,
  16 * KiB + 1,
  64 * KiB - 1,
  64 * KiB,
  64 * KiB + 1,
  KiB * KiB,
  3 * KiB * KiB,
];

/** Bytes that show when a piece is missing, doubled or in another place. */
function patterned(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at += 1) bytes[at] = (at * 31 + (at >> 8) * 17 + (at >> 16)) & 0xff;
  return bytes;
}

interface NodeAnswer {
  readonly headers: Record<string, unknown>;
  readonly body: Buffer;
}

/** A whole call by node:http2. */
async function callByNode(
  session: ClientHttp2Session,
  path: string,
  body: Buffer,
  more: Record<string, string> = {},
): Promise<NodeAnswer> {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...more,
  });
  const parts: Buffer[] = [];
  const headers: Record<string, unknown> = {};
  for (const event of ['response', 'trailers']) {
    stream.on(event, (sent: Record<string, unknown>) => Object.assign(headers, sent));
  }
  stream.on('data', (part: Buffer) => parts.push(part));
  stream.end(body);
  await once(stream, 'close');
  return { headers, body: Buffer.concat(parts) };
}

describe('messages of every size go both ways whole', () => {
  test.each(sizes)('by grpc-js: %i bytes', async (size) => {
    await using scene = await openScene();
    using client = new GrpcClient(scene.port.port);
    const sent = [patterned(size), Buffer.from('behind it')];
    const { code, messages } = await client.call(paths.echo, sent);
    expect(code).toBe(grpc.status.OK);
    expect(messages.map((message) => message.length)).toEqual(sent.map((message) => message.length));
    expect(Buffer.concat(messages).equals(Buffer.concat(sent))).toBe(true);
  });

  test.each(sizes)('by node:http2: %i bytes', async (size) => {
    await using scene = await openScene();
    const session = connect(`http://127.0.0.1:${scene.port.port}`);
    const sent = grpcMessage(patterned(size));
    const { headers, body } = await callByNode(session, paths.echo, sent);
    session.destroy();
    expect(headers).toMatchObject({ ':status': 200, 'grpc-status': '0' });
    expect(body.equals(sent)).toBe(true);
  });

  test('and a status says as much as fits into one frame, in any script', async () => {
    await using scene = await openScene();
    using client = new GrpcClient(scene.port.port);
    const { code, details } = await client.call(paths.fail, [Buffer.from('\u6f22'.repeat(5000))]);
    expect(code).toBe(grpc.status.UNAVAILABLE);
    expect(details).toMatch(/^\u6f22{500,}$/);
  });

  test('a hundred at the same time on one connection', async () => {
    await using scene = await openScene();
    using client = new GrpcClient(scene.port.port);
    const sent = Array.from({ length: 100 }, (_, index) => patterned(40 * KiB + index));
    const answers = await Promise.all(sent.map((message) => client.call(paths.echo, [message, message])));
    for (const [index, { code, messages }] of answers.entries()) {
      expect(code).toBe(grpc.status.OK);
      expect(messages.map((message) => sent[index]?.equals(message))).toEqual([true, true]);
    }
  });
});

describe('bare frames', () => {
  const request = (streamId: number, text: string): Buffer =>
    Buffer.concat([
      headersFrames(streamId, grpcRequest(paths.echo)),
      dataFrame(streamId, grpcMessage(Buffer.from(text)), true),
    ]);

  test('are understood when all of them arrive at once', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port, { settings: 'none' });
    client.ledger.announce({});
    client.write(clientPreface, settingsFrame(), request(1, 'one'), request(3, 'two'), request(5, 'three'));
    for (const streamId of [1, 3, 5]) await client.streamEnded(streamId);
    expect([1, 3, 5].map((streamId) => client.received(streamId).toString('utf8', 5))).toEqual(['one', 'two', 'three']);
  });

  test('are understood when they arrive byte by byte', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port, { settings: 'none' });
    client.ledger.announce({});
    for (const byte of Buffer.concat([clientPreface, settingsFrame(), request(1, 'slow')])) {
      await client.flush(Buffer.of(byte));
    }
    await client.streamEnded(1);
    expect(client.received(1)).toEqual(grpcMessage(Buffer.from('slow')));
  });

  test('may carry padding, priorities, and headers in many pieces with reserved bits set', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    const block = grpcRequest(paths.echo);
    const priority = Buffer.of(0x80, 0, 0, 0, 200);
    const padding = Buffer.alloc(7);
    const payload = Buffer.concat([Buffer.of(padding.length), priority, block.subarray(0, 3), padding]);
    const pieces = [block.subarray(3, 4), block.subarray(4, 4), block.subarray(4, 50), block.subarray(50)];
    client.write(
      encodeFrame({
        type: frameTypes.headers,
        flags: flags.padded | flags.priority,
        streamId: 1 + 2 ** 31,
        payload,
      }),
      ...pieces.map((piece, index) =>
        encodeFrame({
          type: frameTypes.continuation,
          flags: index === pieces.length - 1 ? flags.endHeaders : 0,
          streamId: 1,
          payload: piece,
        }),
      ),
    );
    const message = grpcMessage(Buffer.from('padded'));
    for (const byte of message) {
      client.write(
        encodeFrame({
          type: frameTypes.data,
          flags: flags.padded,
          streamId: 1,
          payload: Buffer.concat([Buffer.of(255), Buffer.of(byte), Buffer.alloc(255)]),
        }),
      );
    }
    client.write(
      encodeFrame({ type: frameTypes.data, flags: flags.padded | flags.endStream, streamId: 1, payload: Buffer.of(0) }),
    );
    await client.streamEnded(1);
    expect(client.received(1)).toEqual(message);
  });

  test('of padding alone cost the client none of its windows for good', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    client.write(headersFrames(1, grpcRequest(paths.echo)));
    // Far more than any window that the server opens at first; each is sent once there is room for it.
    const padded = encodeFrame({
      type: frameTypes.data,
      flags: flags.padded,
      streamId: 1,
      payload: Buffer.concat([Buffer.of(255), Buffer.alloc(255)]),
    });
    for (let sent = 0; sent < 1000; sent += 1) {
      await client.until(() => client.ledger.room(1) >= 256, 'room for padding');
      client.ledger.spend(1, 256);
      client.write(padded);
    }
    client.write(dataFrame(1, grpcMessage(Buffer.from('x')), true));
    await client.streamEnded(1);
    expect(client.received(1)).toEqual(grpcMessage(Buffer.from('x')));
  });

  test('of trailers end a request', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    client.write(
      headersFrames(1, grpcRequest(paths.echo)),
      dataFrame(1, grpcMessage(Buffer.from('x'))),
      headersFrames(1, headerBlock([['x-checksum', '1']]), { end: true }),
    );
    await client.streamEnded(1);
    expect(client.received(1)).toEqual(grpcMessage(Buffer.from('x')));
  });
});

describe('headers', () => {
  test('of many requests on one connection are those of each', async () => {
    await using scene = await openScene();
    const session = connect(`http://127.0.0.1:${scene.port.port}`);
    // Repeated, changing, long, and in the order in which a table of 4096 bytes evicts them.
    for (let index = 0; index < 200; index += 1) {
      const more = {
        'x-a': `a${index % 7}`,
        'x-b': `value ${index}`,
        'x-long': `${index}~`.repeat(1 + ((index * 37) % 900)),
        cookie: `k${index % 3}=v`,
      };
      const { body } = await callByNode(session, paths.headers, Buffer.alloc(0), more);
      expect(JSON.parse(body.toString('utf8', 5))).toEqual({ ':path': paths.headers, ...more });
    }
    session.destroy();
    expect(askedHeaders).toContain('x-long');
  });

  test('are told to a client that changes the size of its table between answers', async () => {
    await using scene = await openScene();
    const session = connect(`http://127.0.0.1:${scene.port.port}`);
    for (const headerTableSize of [4096, 0, 100, 0, 65_536, 4096]) {
      await new Promise<void>((resolve, reject) =>
        session.settings({ headerTableSize }, (error) => (error === null ? resolve() : reject(error))),
      );
      for (const text of ['ok', 'für später ✓', 'again', 'again']) {
        const { headers } = await callByNode(session, paths.fail, grpcMessage(Buffer.from(text)));
        expect(headers).toMatchObject({ ':status': 200, 'grpc-status': '14' });
        expect(decodeURIComponent(String(headers['grpc-message']))).toBe(text);
      }
    }
    session.destroy();
  });

  test('of a status carry any text to grpc-js', async () => {
    await using scene = await openScene();
    using client = new GrpcClient(scene.port.port);
    for (const text of ['', 'plain', '100 % für später\n✓', '\u0000\u001f\u007f', '😀'.repeat(300)]) {
      expect(await client.call(paths.fail, [Buffer.from(text)])).toMatchObject({ code: 14, details: text });
    }
  });
});

describe('TLS', () => {
  test('tells the handler who the client is, by grpc-js and by node:http2', async () => {
    const { port: tls, known, anonymous } = await makeTls();
    await using scene = await openScene({ tls });
    const { ca, cert, key } = known;
    const credentials = grpc.credentials.createSsl(Buffer.from(ca), Buffer.from(key), Buffer.from(cert));
    using client = new GrpcClient(scene.port.port, credentials);
    expect((await client.call(paths.whoAmI, [])).messages.map(String)).toEqual([clientIdentity]);
    for (const [options, name] of [
      [known, clientIdentity],
      [anonymous, 'none'],
    ] as const) {
      const session = connect(`https://127.0.0.1:${scene.port.port}`, options);
      const { body } = await callByNode(session, paths.whoAmI, Buffer.alloc(0));
      session.destroy();
      expect(body.toString('utf8', 5)).toBe(name);
    }
  });

  test('carries large messages both ways, many at a time', async () => {
    const { port: tls, known } = await makeTls();
    await using scene = await openScene({ tls });
    const session = connect(`https://127.0.0.1:${scene.port.port}`, known);
    const sent = grpcMessage(patterned(3 * KiB * KiB));
    const answers = await Promise.all([1, 2, 3, 4].map(() => callByNode(session, paths.echo, sent)));
    expect(answers.map(({ body }) => body.equals(sent))).toEqual([true, true, true, true]);
    session.destroy();
  });
});

describe('an answer', () => {
  test('is whole when the client has half-closed first', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    client.write(
      windowUpdateFrame(0, 2 ** 24),
      headersFrames(1, grpcRequest(paths.produce)),
      windowUpdateFrame(1, 2 ** 24),
      dataFrame(1, grpcMessage(uint32(1_000_000)), true),
    );
    await client.streamEnded(1);
    expect(client.received(1).length).toBe(1_000_000 + 5 * 16);
    expect(client.resetCode(1)).toBeUndefined();
  });

  test('that ends before its request does not disturb the connection, whatever of the request still comes', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    client.write(headersFrames(1, grpcRequest('/test.Service/Nothing')));
    await client.streamEnded(1);
    for (let sent = 0; sent < 3; sent += 1) client.write(dataFrame(1, Buffer.alloc(1000)));
    client.write(dataFrame(1, Buffer.alloc(1000), true));
    client.write(request(3));
    await client.streamEnded(3);
    expect(client.received(3)).toEqual(grpcMessage(Buffer.from('next')));
  });

  const request = (streamId: number): Buffer =>
    Buffer.concat([
      headersFrames(streamId, grpcRequest(paths.echo)),
      dataFrame(streamId, grpcMessage(Buffer.from('next')), true),
    ]);
});

describe('a call that its client cancels in the middle of a message', () => {
  test('is told to its handler, and gives back what it held of the connection', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    const { encoded, half } = halfMessage();
    for (let index = 0; index < 40; index += 1) {
      const streamId = 1 + 2 * index;
      await client.until(() => client.ledger.room(streamId) >= half.length, 'room on the connection');
      client.ledger.spend(streamId, half.length);
      client.write(headersFrames(streamId, encoded), ...pieces(streamId, half));
      client.write(encodeFrame({ type: frameTypes.rstStream, streamId, payload: uint32(8) }));
    }
    await client.roundTrip();
    await expect.poll(() => scene.interrupted.length).toBe(40);
    expect(new Set(scene.interrupted.map(({ code }) => code))).toEqual(new Set(['CANCELLED']));
    client.write(headersFrames(101, grpcRequest(paths.echo)), dataFrame(101, grpcMessage(Buffer.from('x')), true));
    await client.streamEnded(101);
    expect(client.received(101)).toEqual(grpcMessage(Buffer.from('x')));
  });
});

function halfMessage(): { readonly encoded: Buffer; readonly half: Buffer } {
  return { encoded: grpcRequest(paths.echo), half: grpcMessage(patterned(100_000)).subarray(0, 30_000) };
}

function pieces(streamId: number, bytes: Buffer): readonly Buffer[] {
  const cut: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 16_384) cut.push(dataFrame(streamId, bytes.subarray(at, at + 16_384)));
  return cut;
}
