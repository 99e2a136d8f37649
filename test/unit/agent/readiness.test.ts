// How an agent finds out whether the workload of its machine is ready: real servers and programs, and thresholds on a fake clock.

import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import grpc from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { followReadiness } from '../../../agent/machine/follow-readiness.ts';
import { probeWorkload } from '../../../agent/machine/probe-workload.ts';
import { parseReadinessProbe } from '../../../agent/machine/readiness-probe.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const never = new AbortController().signal;

function ask(probe: object): Promise<string | undefined> {
  return probeWorkload(parseReadinessProbe(JSON.stringify(probe)), never);
}

async function httpPort(): Promise<number> {
  const server = createServer((request, response) => {
    if (request.url === '/never') return;
    const isWell = request.url === '/ready' && request.headers['x-probe'] === 'yes';
    response.writeHead(isWell ? 204 : 503).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test('over HTTP any status from 200 to 399 is well, and headers are sent', async () => {
  const port = await httpPort();
  const httpHeaders = [{ name: 'x-probe', value: 'yes' }];
  expect(await ask({ httpGet: { port, path: '/ready', httpHeaders } })).toBeUndefined();
  expect(await ask({ httpGet: { port, path: '/ready' } })).toBe('GET /ready was answered 503');
  expect(await ask({ httpGet: { port, path: '/never' } })).toBe('there was no answer within 1000 ms');
});

test('a port that takes connections is well, one that does not says so', async () => {
  const port = await httpPort();
  expect(await ask({ tcpSocket: { port } })).toBeUndefined();
  expect(await ask({ tcpSocket: { port: 1 } })).toContain('ECONNREFUSED');
});

test('a program that ends with code 0 is well; one that takes too long is killed', async () => {
  expect(await ask({ exec: { command: ['true'] } })).toBeUndefined();
  expect(await ask({ exec: { command: ['sh', '-c', 'exit 3'] } })).toContain('Command failed');
  expect(await ask({ exec: { command: ['sleep', '60'] } })).toBe('there was no answer within 1000 ms');
  expect(await ask({ exec: { command: ['/no/such/program'] } })).toContain('ENOENT');
});

test('over gRPC a service that answers SERVING is well', async () => {
  const server = new grpc.Server();
  const plain = (bytes: Buffer): Buffer => bytes;
  server.addService(
    {
      check: {
        path: '/grpc.health.v1.Health/Check',
        requestStream: false,
        responseStream: false,
        requestSerialize: plain,
        requestDeserialize: plain,
        responseSerialize: plain,
        responseDeserialize: plain,
      },
    },
    {
      check: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
        done(null, Buffer.from([0x08, call.request.subarray(2).toString() === 'ratings' ? 1 : 2]));
      },
    },
  );
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
    error === null ? resolve(bound) : reject(error),
  );
  onTestFinished(() => server.forceShutdown());
  const port = await promise;
  expect(await ask({ grpc: { port, service: 'ratings' } })).toBeUndefined();
  expect(await ask({ grpc: { port } })).toBe('it does not answer SERVING');
});

test('it takes as many answers alike as the thresholds say, and only changes are told', async () => {
  const clock = new FakeClock();
  const answers = ['no', 'no', 'no', undefined, 'no', undefined, undefined, undefined];
  const told: (string | undefined)[] = [];
  const probe = parseReadinessProbe('{"tcpSocket":{"port":1},"successThreshold":2,"failureThreshold":3}');
  const stop = new AbortController();
  const following = followReadiness(
    {
      probe,
      clock,
      onChange: (trouble) => told.push(trouble),
      ask: () => Promise.resolve(answers.shift()),
    },
    stop.signal,
  );
  const seen: number[] = [];
  while (answers.length > 0) {
    expect(await clock.untilNextWakeMs()).toBe(10_000);
    seen.push(told.length);
    clock.advance(10_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  stop.abort();
  await following;
  expect(seen).toEqual([0, 0, 1, 1, 1, 1, 2]);
  expect(told).toEqual(['no', undefined]);
});

test.each([
  ['no JSON', 'port 80', /is not JSON/],
  ['no way', '{}', /has 0 of httpGet/],
  ['two ways', '{"exec":{"command":["true"]},"grpc":{"port":1}}', /has 2 of httpGet/],
  ['no port', '{"tcpSocket":{}}', /port is not a number/],
  ['no command', '{"exec":{"command":[]}}', /exec.command/],
  ['a period that is no number', '{"tcpSocket":{"port":1},"periodSeconds":"5"}', /periodSeconds is not/],
])('refused by a sentence: %s', (_what, text, sentence) => {
  expect(() => parseReadinessProbe(text)).toThrow(sentence);
});
