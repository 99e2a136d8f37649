// What newcomers meet at a real port: turns, limits, and being sent elsewhere.

import { once } from 'node:events';
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Admission } from '../../server/admission/admission.ts';
import { defaultAdmissionLimits, type AdmissionLimits } from '../../server/admission/admission-limits.ts';
import type { Call } from '../../server/grpc/call.ts';
import type { GrpcStatus } from '../../server/grpc/status.ts';
import { openGrpcPort, type OpenPort } from '../../server/workers/worker-port.ts';
import { countCall, countPath } from '../support/count-call.ts';
import { testWorkers } from '../support/worker-pool.ts';

const echo = '/test.Service/Echo';
const closings: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closings.splice(0).toReversed()) await close();
});

interface Scene {
  readonly port: OpenPort;
  readonly admission: Admission;
  readonly counted: string[];
  readonly ended: GrpcStatus[];
}

async function open(limits: Partial<AdmissionLimits> = {}): Promise<Scene> {
  const counted: string[] = [];
  const ended: GrpcStatus[] = [];
  const admission = new Admission({
    limits: { ...defaultAdmissionLimits, ...limits },
    counts: {
      admitted: () => counted.push('connection admitted'),
      refused: (reason) => counted.push(`connection ${reason}`),
      looked: () => undefined,
      streamAdmitted: () => counted.push('stream admitted'),
      streamRefused: (reason) => counted.push(`stream ${reason}`),
      requestDelayed: () => counted.push('delayed'),
      messageRefused: () => counted.push('message refused'),
    },
  });
  const serve = (call: Call): void => {
    call.listen({
      message: (bytes) => call.write([bytes]),
      halfClosed: () => call.end({ code: 'OK', message: '' }),
    });
  };
  const port = await openGrpcPort(
    {
      address: '127.0.0.1:0',
      methods: admission.methods(
        new Map([
          [echo, serve],
          [countPath, countCall],
        ]),
      ),
      admit: (newcomer) => admission.connection(newcomer),
      onEnded: (_call, status) => ended.push(status),
      onError: (error) => {
        throw error;
      },
    },
    testWorkers(),
  );
  closings.push(() => port.close(AbortSignal.abort()));
  return { port, admission, counted, ended };
}

function session({ port }: Scene): ClientHttp2Session {
  const opened = connect(`http://127.0.0.1:${port.port}`);
  opened.on('error', () => undefined);
  closings.push(() => opened.destroy());
  return opened;
}

function request(to: ClientHttp2Session, path = echo): ClientHttp2Stream {
  const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  const stream = to.request(headers, { endStream: false });
  stream.on('error', () => undefined);
  return stream;
}

function message(length: number): Buffer {
  const bytes = Buffer.alloc(5 + length, 7);
  bytes[0] = 0;
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

async function received(stream: ClientHttp2Stream): Promise<number> {
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
  await once(stream, 'end');
  return bytes;
}

test('all messages of many streams at once arrive whole and in order through their turns', async () => {
  const scene = await open({ sliceMs: 0 });
  const to = session(scene);
  const streams = Array.from({ length: 20 }, () => request(to));
  const totals = Promise.all(streams.map(received));
  for (const stream of streams) {
    for (let nth = 0; nth < 50; nth += 1) stream.write(message(nth * 40));
    stream.end();
  }
  const each = Array.from({ length: 50 }, (_, nth) => 5 + nth * 40).reduce((sum, bytes) => sum + bytes, 0);
  expect(await totals).toEqual(streams.map(() => each));
  expect(scene.counted.filter((what) => what === 'stream admitted')).toHaveLength(20);
});

test('a stream too many ends with RESOURCE_EXHAUSTED, and its client is sent elsewhere', async () => {
  const scene = await open({ maxWaitingStreams: 0 });
  const to = session(scene);
  const goaway = once(to, 'goaway');
  const stream = request(to);
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  expect(headers['grpc-status']).toBe('8');
  expect(String(headers['grpc-message'])).toContain('connect to another one');
  await goaway;
  expect(scene.counted).toContain('stream full');
  expect(scene.ended.map(({ code }) => code)).toEqual(['RESOURCE_EXHAUSTED']);
});

test('a connection too many is closed before anything of it is read', async () => {
  const scene = await open({ handshakes: { perSecond: 0.001, burst: 1 }, maxWaitingConnections: 0 });
  const first = connectTcp(scene.port.port, '127.0.0.1');
  await once(first, 'connect');
  const second = connectTcp(scene.port.port, '127.0.0.1');
  second.on('error', () => undefined);
  await once(second, 'close');
  first.destroy();
  expect(scene.counted).toEqual(['connection admitted', 'connection full']);
});

test('a client that floods a stream is delayed, and what it sent still arrives', async () => {
  const scene = await open({ requests: { perSecond: 1000, burst: 1 } });
  const stream = request(session(scene), countPath);
  const total = received(stream);
  for (let nth = 0; nth < 60; nth += 1) stream.write(message(1));
  stream.end();
  expect(await total).toBe(5 + 60);
  expect(scene.counted.filter((what) => what === 'delayed').length).toBeGreaterThan(0);
});
