// One question of gRPC's health protocol from an address that redirection leaves alone, which a client of grpc-js can't choose. In:
// where the server is and which service is meant. Out: the HTTP status that a kubelet is given.

import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import { healthCheckRequest, isServing } from '../grpc-health.ts';

export interface GrpcHealthTarget {
  readonly host: string;
  readonly port: number;
  readonly localAddress: string;
  readonly signal: AbortSignal;
}

/** 200 when the service says SERVING, 503 when it says anything else. Rejects when it can't be asked. */
export function askGrpcHealth(service: string, { signal, ...target }: GrpcHealthTarget): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const session = connectHttp2(`http://${target.host.includes(':') ? `[${target.host}]` : target.host}`, {
    createConnection: () => connect(target),
  });
  const onAbort = (): void => session.destroy(new Error('no answer in time'));
  signal.addEventListener('abort', onAbort, { once: true });
  session.on('error', reject);
  send(session, service).then(resolve, reject);
  return promise.finally(() => {
    signal.removeEventListener('abort', onAbort);
    session.destroy();
  });
}

function send(session: ClientHttp2Session, service: string): Promise<number> {
  const asked = session.request({
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
    [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
    te: 'trailers',
  });
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    asked.on('data', (chunk: Buffer) => chunks.push(chunk));
    asked.on('error', reject);
    // Behind the prefix of a message: one byte that says whether it is compressed, four of its length.
    asked.on('end', () => resolve(isServing(Buffer.concat(chunks).subarray(5)) ? 200 : 503));
    asked.end(framed(healthCheckRequest(service)));
  });
}

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
