// Asks the workload of a machine once whether it is ready. In: how. Out: undefined when it is, else why not; an answer that takes too
// long is none.

import { execFile } from 'node:child_process';
import { request as requestPlain } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as requestTls } from 'node:https';
import { connect } from 'node:net';
import grpc from '@grpc/grpc-js';
import { reasonOf } from '../agent-error.ts';
import { healthCheckRequest, isServing } from '../grpc-health.ts';
import type { ProbeWay, ReadinessProbe } from './readiness-probe.ts';

type Http = Extract<ProbeWay, { kind: 'http' }>;
type Tcp = Extract<ProbeWay, { kind: 'tcp' }>;
type Grpc = Extract<ProbeWay, { kind: 'grpc' }>;

/** Never rejects. */
export async function probeWorkload(
  { way, timeoutMs }: Pick<ReadinessProbe, 'way' | 'timeoutMs'>,
  stop: AbortSignal,
): Promise<string | undefined> {
  const late = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([stop, late]);
  try {
    if (way.kind === 'http') return await askHttp(way, signal);
    if (way.kind === 'tcp') return await askTcp(way, signal);
    if (way.kind === 'grpc') return await askGrpc(way, timeoutMs);
    return await askProgram(way.command, signal);
  } catch (error) {
    return late.aborted ? `there was no answer within ${timeoutMs} ms` : reasonOf(error);
  }
}

/** As a kubelet judges: any status from 200 up to 399. */
function askHttp({ scheme, host, port, path, headers }: Http, signal: AbortSignal): Promise<string | undefined> {
  const options = { host, port, path, headers, signal, agent: false };
  return new Promise((resolve, reject) => {
    const answered = (response: IncomingMessage): void => {
      const { statusCode = 500 } = response;
      resolve(statusCode >= 200 && statusCode < 400 ? undefined : `GET ${path} was answered ${statusCode}`);
      response.destroy();
    };
    const sent =
      scheme === 'https'
        ? requestTls({ ...options, rejectUnauthorized: false }, answered) // As a kubelet does.
        : requestPlain(options, answered);
    sent.on('error', reject);
    sent.end();
  });
}

function askTcp({ host, port }: Tcp, signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve, reject) => {
    const connection = connect({ host, port, signal });
    connection.on('connect', () => {
      resolve(undefined);
      connection.destroy();
    });
    connection.on('error', reject);
  });
}

function askProgram([program, ...words]: readonly [string, ...string[]], signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve, reject) => {
    execFile(program, words, { signal, killSignal: 'SIGKILL' }, (error) => {
      if (error === null) resolve(undefined);
      else reject(error);
    });
  });
}

/** https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
function askGrpc({ port, service }: Grpc, timeoutMs: number): Promise<string | undefined> {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    'grpc.enable_http_proxy': 0,
    'grpc.use_local_subchannel_pool': 1,
  });
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  client.makeUnaryRequest(
    '/grpc.health.v1.Health/Check',
    (name: string) => healthCheckRequest(name),
    (bytes: Buffer) => bytes,
    service,
    { deadline: Date.now() + timeoutMs },
    (error, answer) => {
      client.close();
      if (error !== null) resolve(error.message);
      else if (answer !== undefined && isServing(answer)) resolve(undefined);
      else resolve('it does not answer SERVING');
    },
  );
  return promise;
}
