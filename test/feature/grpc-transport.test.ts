// The rules of the gRPC transport, kept against a client that is not ours (grpc-js) and against bare HTTP/2 for what a
// proper client never does.

import grpc from '@grpc/grpc-js';
import { once } from 'node:events';
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Call } from '../../server/grpc/call.ts';
import type { GrpcPortOptions } from '../../server/grpc/grpc-port.ts';
import type { GrpcStatus } from '../../server/grpc/status.ts';
import { serveUnary } from '../../server/grpc/unary-call.ts';
import { openGrpcPort, type OpenPort } from '../../server/workers/worker-port.ts';
import { testWorkers } from '../support/worker-pool.ts';

const echo = '/test.Service/Echo';
const silent = '/test.Service/Silent';
const single = '/test.Service/Once';
const flood = '/test.Service/Flood';
const broken = '/test.Service/Broken';
const late = '/test.Service/Late';
const piece = new Uint8Array(256 * 1024);

interface Scene {
  readonly port: OpenPort;
  readonly address: string;
  readonly client: grpc.Client;
  readonly interrupted: GrpcStatus[];
  readonly errors: unknown[];
  /** Messages of `flood` that the transport has taken. */
  readonly taken: () => number;
}

const closings: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closings.splice(0).toReversed()) await close();
});

async function open(limits: GrpcPortOptions['limits'] = {}): Promise<Scene> {
  const interrupted: GrpcStatus[] = [];
  const errors: unknown[] = [];
  let taken = 0;
  const handle = (call: Call, message: (bytes: Uint8Array) => void): void => {
    call.onInterrupt((status) => interrupted.push(status));
    call.listen({ message, halfClosed: () => call.end({ code: 'OK', message: '' }) });
  };
  const port = await openGrpcPort(
    {
      address: '127.0.0.1:0',
      methods: new Map<string, (call: Call) => void>([
        [echo, (call) => handle(call, (bytes) => call.write([bytes]))],
        [
          silent,
          (call) => {
            call.onInterrupt((status) => interrupted.push(status));
            call.listen({ message: () => undefined, halfClosed: () => undefined });
          },
        ],
        [
          flood,
          (call) => handle(call, () => Array.from({ length: 40 }, () => call.write([piece], () => (taken += 1)))),
        ],
        [
          single,
          (call) =>
            serveUnary(
              call,
              (bytes) => Promise.resolve(bytes),
              () => ({ code: 'INTERNAL', message: '' }),
            ),
        ],
        [late, (call) => void setTimeout(() => handle(call, () => undefined), 50)],
        [
          broken,
          () => {
            throw new Error('a mistake of ours');
          },
        ],
      ]),
      onError: (error) => errors.push(error),
      limits,
    },
    testWorkers(),
  );
  closings.push(() => port.close(AbortSignal.abort()));
  const address = `127.0.0.1:${port.port}`;
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': -1,
  });
  closings.push(() => client.close());
  return { port, address, client, interrupted, errors, taken: () => taken };
}

const raw = (bytes: Buffer): Buffer => bytes;

interface Started {
  readonly call: grpc.ClientDuplexStream<Buffer, Buffer>;
  readonly status: Promise<grpc.StatusObject>;
  readonly received: Buffer[];
}

function start({ client }: Scene, path: string, options: grpc.CallOptions = {}): Started {
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(path, raw, raw, options);
  const { promise: status, resolve } = Promise.withResolvers<grpc.StatusObject>();
  const received: Buffer[] = [];
  call.on('status', resolve);
  call.on('error', () => undefined);
  call.on('data', (bytes: Buffer) => received.push(bytes));
  return { call, status, received };
}

const framed = (message: Buffer, flag = 0): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
};

function session({ address }: Scene): ClientHttp2Session {
  const opened = connect(`http://${address}`);
  opened.on('error', () => undefined);
  closings.push(() => opened.destroy());
  return opened;
}

function request(to: ClientHttp2Session, headers: Record<string, string> = {}): ClientHttp2Stream {
  const base = { ':method': 'POST', ':path': echo, 'content-type': 'application/grpc', te: 'trailers' };
  const stream = to.request({ ...base, ...headers }, { endStream: false });
  stream.on('error', () => undefined);
  return stream;
}

/** What a bare stream is answered: headers, then trailers if there are any. */
async function answerOf(stream: ClientHttp2Stream): Promise<Record<string, unknown>> {
  let trailers: Record<string, unknown> = {};
  stream.on('trailers', (sent: Record<string, unknown>) => (trailers = sent));
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  stream.resume();
  await once(stream, 'end');
  return { ...headers, ...trailers };
}

describe('messages', () => {
  test('go both ways whole, whatever their size and however they are cut', async () => {
    const { call, status, received } = start(await open(), echo);
    const sent = [0, 1, 4095, 4096, 4097, 70_000, 1_000_000].map((length) => Buffer.alloc(length, length % 251));
    for (const message of sent) call.write(message);
    call.end();
    expect((await status).code).toBe(grpc.status.OK);
    expect(received.map((message) => message.length)).toEqual(sent.map((message) => message.length));
    expect(Buffer.concat(received).equals(Buffer.concat(sent))).toBe(true);
  });

  test('are read when their bytes arrive one by one', async () => {
    const stream = request(session(await open()));
    for (const byte of Buffer.concat([framed(Buffer.from('ab')), framed(Buffer.from('c'))])) {
      await new Promise((written) => stream.write(Buffer.of(byte), written));
    }
    stream.end();
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    await once(stream, 'end');
    expect(Buffer.concat(parts)).toEqual(Buffer.concat([framed(Buffer.from('ab')), framed(Buffer.from('c'))]));
  });

  test('above the limit end the call with RESOURCE_EXHAUSTED as soon as their length is known', async () => {
    const scene = await open({ maxRequestBytes: 1000 });
    const { call, status } = start(scene, silent);
    call.write(Buffer.alloc(1001));
    expect(await status).toMatchObject({ code: 8, details: 'a message of 1001 bytes; 1000 are accepted' });
    expect(scene.interrupted).toMatchObject([{ code: 'RESOURCE_EXHAUSTED' }]);
    const announced = request(session(scene), { ':path': silent });
    announced.write(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]));
    expect(await answerOf(announced)).toMatchObject({ 'grpc-status': '8' });
  });

  test('with the flag of compression end the call with UNIMPLEMENTED and say what is accepted', async () => {
    const stream = request(session(await open()), { 'grpc-encoding': 'gzip' });
    stream.write(framed(Buffer.from('x'), 1));
    expect(await answerOf(stream)).toMatchObject({ 'grpc-status': '12', 'grpc-accept-encoding': 'identity' });
  });

  test('that begin with another flag end the call with INTERNAL', async () => {
    const stream = request(session(await open()));
    stream.write(framed(Buffer.from('x'), 7));
    expect(await answerOf(stream)).toMatchObject({ 'grpc-status': '13' });
  });

  test('that are cut off by the end of the request end the call with INTERNAL', async () => {
    const stream = request(session(await open()));
    stream.end(framed(Buffer.from('xyz')).subarray(0, 7));
    expect(await answerOf(stream)).toMatchObject({ 'grpc-status': '13' });
  });
});

describe('calls', () => {
  test('that end before anybody listens are heard when somebody does', async () => {
    const scene = await open();
    const stream = request(session(scene), { ':path': late });
    stream.end();
    expect(await answerOf(stream)).toMatchObject({ 'grpc-status': '0' });
  });

  test('of an unknown method are answered UNIMPLEMENTED', async () => {
    expect(await start(await open(), '/test.Service/Nothing').status).toMatchObject({
      code: 12,
      details: 'this server has no method /test.Service/Nothing',
    });
  });

  test.each([
    ['text/plain', 415],
    ['application/grpc-web', 415],
    ['application/grpc+json', 415],
    ['application/grpc+proto', 200],
    ['application/grpc;charset=utf-8', 200],
  ])('with the content type %s are answered with HTTP %i', async (type, httpStatus) => {
    const stream = request(session(await open()), { 'content-type': type });
    stream.end();
    expect(await answerOf(stream)).toMatchObject({ ':status': httpStatus });
  });

  test('that are no POST are answered with HTTP 405', async () => {
    const stream = session(await open()).request({
      ':method': 'GET',
      ':path': echo,
      'content-type': 'application/grpc',
    });
    expect(await answerOf(stream)).toMatchObject({ ':status': 405 });
  });

  test('end with INTERNAL, and nothing of why, when their handler throws', async () => {
    const scene = await open();
    expect(await start(scene, broken).status).toMatchObject({ code: 13, details: 'the call could not be served' });
    expect(scene.errors.map(String)).toEqual(['Error: a mistake of ours']);
  });

  test('whose client has sent all are still answered', async () => {
    const { call, status, received } = start(await open(), echo);
    call.end(Buffer.from('last words'));
    expect((await status).code).toBe(grpc.status.OK);
    expect(received.map(String)).toEqual(['last words']);
  });

  test('end with DEADLINE_EXCEEDED at the deadline of their client, on both sides', async () => {
    const scene = await open();
    // The deadline is of the call, not of its connection, which is there by now.
    const first = start(scene, echo);
    first.call.end();
    expect((await first.status).code).toBe(grpc.status.OK);
    const { call, status } = start(scene, silent, { deadline: Date.now() + 1000 });
    call.write(Buffer.from('x'));
    expect((await status).code).toBe(grpc.status.DEADLINE_EXCEEDED);
    await expect.poll(() => scene.interrupted.map(({ code }) => code)).toHaveLength(1);
    const bare = request(session(scene), { ':path': silent, 'grpc-timeout': '50m' });
    expect(await answerOf(bare)).toMatchObject({ 'grpc-status': '4' });
  });

  test.each(['', '5', 'S', '123456789S', '-1S', '1.5S'])('with the timeout "%s" are malformed', async (timeout) => {
    const stream = request(session(await open()), { 'grpc-timeout': timeout });
    expect(await answerOf(stream)).toMatchObject({ 'grpc-status': '13' });
  });

  test('that the client resets are told to their handler once, as CANCELLED', async () => {
    const scene = await open();
    const { call, status } = start(scene, silent);
    // Any call that is answered shows that the server has the one before it.
    call.write(Buffer.from('hello'));
    const other = start(scene, echo);
    other.call.end();
    await other.status;
    call.cancel();
    expect((await status).code).toBe(grpc.status.CANCELLED);
    await expect.poll(() => scene.interrupted).toEqual([{ code: 'CANCELLED', message: 'the client left' }]);
  });

  test('of a connection that breaks are told to their handlers', async () => {
    const scene = await open();
    const broken = session(scene);
    const streams = [request(broken), request(broken)];
    for (const stream of streams) stream.write(framed(Buffer.from('x')));
    await Promise.all(streams.map((stream) => once(stream, 'response')));
    broken.destroy();
    await expect.poll(() => scene.interrupted.map(({ code }) => code)).toEqual(['CANCELLED', 'CANCELLED']);
  });

  test('with one message each way refuse a second one and none at all', async () => {
    const scene = await open();
    const two = start(scene, single);
    two.call.write(Buffer.from('a'));
    two.call.write(Buffer.from('b'));
    expect((await two.status).code).toBe(grpc.status.UNIMPLEMENTED);
    const none = start(scene, single);
    none.call.end();
    expect((await none.status).code).toBe(grpc.status.UNIMPLEMENTED);
    const one = start(scene, single);
    one.call.end(Buffer.from('a'));
    expect((await one.status).code).toBe(grpc.status.OK);
    expect(one.received.map(String)).toEqual(['a']);
  });

  test('carry a message of any text in their status', async () => {
    const scene = await open();
    const port = await openGrpcPort(
      {
        address: '127.0.0.1:0',
        methods: new Map([[echo, (call: Call) => call.end({ code: 'UNAVAILABLE', message: '100 % für später\n✓' })]]),
        onError: () => undefined,
      },
      testWorkers(),
    );
    closings.push(() => port.close(AbortSignal.abort()));
    const client = new grpc.Client(`127.0.0.1:${port.port}`, grpc.credentials.createInsecure());
    closings.push(() => client.close());
    expect(await start({ ...scene, client }, echo).status).toMatchObject({ code: 14, details: '100 % für später\n✓' });
  });
});

describe('a client that never reads', () => {
  test('is written to up to its flow-control window, and is reset when its call has ended', async () => {
    const scene = await open({ endGraceMs: 100 });
    const stream = request(session(scene), { ':path': flood });
    stream.write(framed(Buffer.from('go')));
    stream.end();
    await once(stream, 'response');
    await expect.poll(() => stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
    expect(scene.taken()).toBeLessThan(3);
  });
});

describe('connections', () => {
  test('are told to go elsewhere at their age, and calls that stay end with UNAVAILABLE', async () => {
    // Old enough for the call to have begun before the farewell, on a busy machine too.
    const scene = await open({ maxConnectionAgeMs: 1000, maxConnectionAgeGraceMs: 50 });
    const bare = session(scene);
    const farewell = once(bare, 'goaway');
    const stream = request(bare, { ':path': silent });
    const answer = answerOf(stream);
    expect((await farewell)[0]).toBe(constants.NGHTTP2_NO_ERROR);
    expect(await answer).toMatchObject({ 'grpc-status': '14' });
    stream.end();
    await once(bare, 'close');
    expect((await start(scene, echo, { deadline: Date.now() + 20_000 }).status).code).toBe(grpc.status.UNAVAILABLE);
  });

  test('serve what was open when the port closes, and nothing after it', async () => {
    const scene = await open();
    const { call, status, received } = start(scene, echo);
    call.write(Buffer.from('before'));
    await once(call, 'data');
    const closed = scene.port.close(new AbortController().signal);
    call.write(Buffer.from('after'));
    call.end();
    expect((await status).code).toBe(grpc.status.OK);
    expect(received.map(String)).toEqual(['before', 'after']);
    await closed;
    expect((await start(scene, echo).status).code).toBe(grpc.status.UNAVAILABLE);
  });

  test('whose client does not answer a ping are closed', async () => {
    const scene = await open({ keepaliveMs: 50, keepaliveTimeoutMs: 50 });
    const [host = '', port = ''] = scene.address.split(':');
    const socket = connectTcp(Number(port), host);
    closings.push(() => void socket.destroy());
    // The preface and empty settings, and then never a word.
    socket.write(
      Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]),
    );
    socket.resume();
    await once(socket, 'close');
    expect(socket.destroyed).toBe(true);
  });

  test('that speak another protocol are closed, and disturb no other', async () => {
    const scene = await open();
    const [host = '', port = ''] = scene.address.split(':');
    const socket = connectTcp(Number(port), host);
    closings.push(() => void socket.destroy());
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
    const { call, status } = start(scene, echo);
    call.end();
    expect((await status).code).toBe(grpc.status.OK);
  });

  test('have no more calls at a time than is allowed; the others wait', async () => {
    const scene = await open({ maxConcurrentStreams: 2 });
    const calls = [1, 2, 3].map(() => start(scene, echo));
    for (const { call } of calls) call.write(Buffer.from('x'));
    await expect.poll(() => calls.filter(({ received }) => received.length > 0).length).toBe(2);
    for (const { call } of calls) call.end();
    expect(await Promise.all(calls.map(async ({ status }) => (await status).code))).toEqual([0, 0, 0]);
  });
});
