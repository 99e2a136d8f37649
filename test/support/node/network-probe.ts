// A kubelet's probes over the network: HTTP, TCP and gRPC health. In: what to ask, within which time. Out: undefined when it is well,
// else why not, in words.

import { request as httpRequest } from 'node:http';
import { connect as connectHttp2, constants } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';

export type NetworkProbe =
  | {
      readonly kind: 'http';
      readonly url: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly timeoutMs: number;
    }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly timeoutMs: number }
  | {
      readonly kind: 'grpc';
      readonly host: string;
      readonly port: number;
      readonly service: string;
      readonly timeoutMs: number;
    };

export async function probeNetwork(probe: NetworkProbe): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const timer = setTimeout(() => resolve(`no answer for ${probe.timeoutMs} ms`), probe.timeoutMs);
  const end =
    probe.kind === 'http'
      ? askHttp(probe, resolve)
      : probe.kind === 'tcp'
        ? askTcp(probe, resolve)
        : askGrpc(probe, resolve);
  const answer = await promise;
  clearTimeout(timer);
  end();
  return answer;
}

type Settle = (why: string | undefined) => void;

function askHttp(probe: Extract<NetworkProbe, { kind: 'http' }>, settle: Settle): () => void {
  const url = new URL(probe.url);
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const asked = request(
    url,
    { headers: { 'user-agent': 'kube-probe/1.36', ...probe.headers }, agent: false, rejectUnauthorized: false },
    (answer) => {
      answer.resume();
      const status = answer.statusCode ?? 0;
      settle(status >= 200 && status < 400 ? undefined : `HTTP probe failed with statuscode: ${status}`);
    },
  );
  asked.on('error', (error) => settle(error.message));
  asked.end();
  return () => asked.destroy();
}

function askTcp(probe: Extract<NetworkProbe, { kind: 'tcp' }>, settle: Settle): () => void {
  const socket = connect(probe.port, probe.host, () => settle(undefined));
  socket.on('error', (error) => settle(error.message));
  return () => socket.destroy();
}

/** `grpc.health.v1.Health/Check`: the request has the service as field 1, the answer its status as field 1, where 1 is SERVING. */
function askGrpc(probe: Extract<NetworkProbe, { kind: 'grpc' }>, settle: Settle): () => void {
  const session = connectHttp2(`http://${probe.host}:${probe.port}`);
  session.on('error', (error) => settle(error.message));
  const name = Buffer.from(probe.service);
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const head = Buffer.from([0, 0, 0, 0, message.length]);
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
    [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
    te: 'trailers',
  });
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  stream.on('error', (error) => settle(error.message));
  stream.on('end', () => {
    const answer = Buffer.concat(parts).subarray(5);
    settle(
      answer[0] === 0x08 && answer[1] === 1 ? undefined : `not serving (${answer.toString('hex') || 'no message'})`,
    );
  });
  stream.end(Buffer.concat([head, message]));
  return () => session.destroy();
}
