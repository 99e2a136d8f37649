// What the streams of one client share at a real port: its requests, and what a connection may have unfinished.

import { afterEach, expect, test } from 'vitest';
import { Admission } from '../../server/admission/admission.ts';
import { defaultAdmissionLimits, type AdmissionLimits } from '../../server/admission/admission-limits.ts';
import type { GrpcPortOptions } from '../../server/grpc/grpc-port.ts';
import type { GrpcStatus } from '../../server/grpc/status.ts';
import { openGrpcPort, type OpenPort } from '../../server/workers/worker-port.ts';
import { countCall, countPath } from '../support/count-call.ts';
import { RawClient, type RawClientOptions } from '../support/http2/raw-client.ts';
import { dataFrame, grpcMessage, grpcRequest, headersFrames } from '../support/http2/raw-frames.ts';
import { makeTls } from '../support/http2/server-tls.ts';
import { testWorkers } from '../support/worker-pool.ts';

const closings: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closings.splice(0).toReversed()) await close();
});

interface Scene {
  readonly port: OpenPort;
  readonly admission: Admission;
  readonly counted: string[];
  readonly ended: GrpcStatus[];
  readonly open: (options?: RawClientOptions) => Promise<RawClient>;
}

async function scene(limits: Partial<AdmissionLimits>, tls?: GrpcPortOptions['tls']): Promise<Scene> {
  const counted: string[] = [];
  const ended: GrpcStatus[] = [];
  const admission = new Admission({
    limits: { ...defaultAdmissionLimits, ...limits },
    counts: {
      admitted: () => undefined,
      refused: () => undefined,
      looked: () => undefined,
      streamAdmitted: () => undefined,
      streamRefused: () => undefined,
      requestDelayed: () => counted.push('delayed'),
      messageRefused: () => counted.push('refused'),
    },
  });
  const port = await openGrpcPort(
    {
      address: '127.0.0.1:0',
      tls,
      methods: admission.methods(new Map([[countPath, countCall]])),
      onEnded: (_call, status) => ended.push(status),
      onError: (error) => {
        throw error;
      },
    },
    testWorkers(),
  );
  closings.push(() => port.close(AbortSignal.abort()));
  const open = async (options?: RawClientOptions): Promise<RawClient> => {
    const client = await RawClient.connect(port.port, options);
    closings.push(() => client[Symbol.dispose]());
    return client;
  };
  return { port, admission, counted, ended, open };
}

const small = grpcMessage(Buffer.from('x'));
/** Of the message that answers `countPath`. */
const answerBytes = (messages: number): number => 5 + messages;

/** Three requests on each of three streams, which end behind them. */
function askNineTimes(client: RawClient): void {
  for (const stream of [1, 3, 5]) client.write(headersFrames(stream, grpcRequest(countPath)));
  for (const stream of [1, 3, 5]) client.write(dataFrame(stream, Buffer.concat([small, small, small]), true));
}

/** No request comes back while a test runs. */
const fiveRequests = { requests: { perSecond: 0.001, burst: 5 }, connectionRequests: { perSecond: 0.001, burst: 0 } };
const nineRequests = { ...fiveRequests, requests: { perSecond: 0.001, burst: 9 } };

test('the streams of a connection share the requests of its client', async () => {
  const { open, counted, ended } = await scene(fiveRequests);
  const client = await open();
  askNineTimes(client);
  // Beyond the patience for so slow a rate they are refused.
  await expect.poll(() => ended.map(({ code }) => code)).toContain('RESOURCE_EXHAUSTED');
  const { open: openOther, counted: others } = await scene(nineRequests);
  const other = await openOther();
  askNineTimes(other);
  for (const stream of [1, 3, 5]) await other.streamEnded(stream);
  expect(other.received(5)).toHaveLength(answerBytes(3));
  expect([...counted, ...others]).toEqual([]);
});

test('plaintext connections from one address do not wait for each other', async () => {
  const { open, ended } = await scene(nineRequests);
  for (const client of [await open(), await open(), await open()]) {
    askNineTimes(client);
    for (const stream of [1, 3, 5]) await client.streamEnded(stream);
  }
  expect(ended.map(({ code }) => code)).toEqual(Array.from({ length: 9 }, () => 'OK'));
});

test('connections of one certificate from one address share their requests', async () => {
  const { port: tls, known, anonymous } = await makeTls();
  const { open, ended } = await scene(nineRequests, tls);
  const first = await open({ tls: known });
  askNineTimes(first);
  for (const stream of [1, 3, 5]) await first.streamEnded(stream);
  askNineTimes(await open({ tls: anonymous }));
  await expect.poll(() => ended.length).toBe(6);
  expect(ended.map(({ code }) => code)).toEqual(Array.from({ length: 6 }, () => 'OK'));
  askNineTimes(await open({ tls: known }));
  await expect.poll(() => ended.map(({ code }) => code)).toContain('RESOURCE_EXHAUSTED');
});

test('what a client has used is forgotten when it has all of it again', async () => {
  const { open, counted, admission } = await scene({
    requests: { perSecond: 20, burst: 1 },
    connectionRequests: { perSecond: 1, burst: 0 },
  });
  const client = await open();
  askNineTimes(client);
  for (const stream of [1, 3, 5]) await client.streamEnded(stream);
  expect(counted).toContain('delayed');
  client[Symbol.dispose]();
  await expect.poll(() => admission.remembered).toEqual({ clients: 0, connections: 0 });
});

test('the stream that goes beyond what its connection may have unfinished ends, the others go on', async () => {
  const { open, counted, ended } = await scene({ maxHeldBytes: 40_000 });
  const client = await open();
  const elsewhere = await open();
  const message = grpcMessage(Buffer.alloc(20_000, 7));
  const part = message.subarray(0, 16_000);
  elsewhere.write(headersFrames(1, grpcRequest(countPath)), dataFrame(1, part));
  for (const stream of [1, 3, 5]) client.write(headersFrames(stream, grpcRequest(countPath)), dataFrame(stream, part));
  await client.streamEnded(5);
  expect(ended).toEqual([
    {
      code: 'RESOURCE_EXHAUSTED',
      message: 'more than 40000 bytes of messages that are unfinished or wait, on one connection',
    },
  ]);
  for (const [to, stream] of [[client, 1] as const, [client, 3] as const, [elsewhere, 1] as const]) {
    to.write(dataFrame(stream, message.subarray(16_000), true));
    await to.streamEnded(stream);
    expect(to.received(stream)).toHaveLength(answerBytes(1));
  }
  expect(counted).toEqual(['refused']);
});

test('one message as large as it may be is always taken', async () => {
  const { open } = await scene({});
  const client = await open();
  client.write(headersFrames(1, grpcRequest(countPath)));
  const message = grpcMessage(Buffer.alloc(4 * 1024 * 1024));
  await client.finish(1, message);
  await client.streamEnded(1);
  expect(client.received(1)).toHaveLength(answerBytes(1));
});
