// External authorizers for tests, real servers: over HTTP and over gRPC. Both allow whom `x-user: ada` names and refuse the others,
// and say so in headers; they remember what they were asked.

import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { includeFolders } from '../../../proto/generate/load-protos.ts';

export interface Authorizer<Question> extends AsyncDisposable {
  readonly port: number;
  readonly asked: readonly Question[];
}

export interface HttpQuestion {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export async function startHttpAuthorizer(): Promise<Authorizer<HttpQuestion>> {
  const asked: HttpQuestion[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      asked.push({ method, path: url, headers, body: Buffer.concat(chunks).toString() });
      response.statusCode = headers['x-user'] === 'ada' ? 200 : 418;
      response.setHeader('x-role', 'admin');
      response.setHeader('x-reason', 'nobody');
      response.setHeader('x-hidden', 'yes');
      response.end('refused');
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export interface GrpcQuestion {
  /** SPIFFE name of the caller, as the proxy tells it. */
  readonly principal: string;
  readonly path: string;
}

interface CheckRequest {
  readonly attributes?: {
    readonly source?: { readonly principal?: string };
    readonly request?: {
      readonly http?: { readonly path?: string; readonly headers?: Readonly<Record<string, string>> };
    };
  };
}

/** Of connections it lets those in whose caller is `…/sa/cart`. */
export async function startGrpcAuthorizer(): Promise<Authorizer<GrpcQuestion>> {
  const asked: GrpcQuestion[] = [];
  const options = { includeDirs: [...includeFolders()], enums: String, longs: String };
  const file = protoLoader.loadSync('envoy/service/auth/v3/external_auth.proto', options);
  const server = new grpc.Server();
  server.addService(file['envoy.service.auth.v3.Authorization'] as grpc.ServiceDefinition, {
    Check: (call: { readonly request: CheckRequest }, answer: (error: null, response: object) => void) => {
      const { source, request } = call.request.attributes ?? {};
      const { http } = request ?? {};
      const principal = source?.principal ?? '';
      asked.push({ principal, path: http?.path ?? '' });
      const isAllowed =
        http === undefined || http === null ? principal.endsWith('/sa/cart') : http.headers?.['x-user'] === 'ada';
      answer(null, isAllowed ? { status: { code: 0 } } : { status: { code: 7 } });
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { port, asked, [Symbol.asyncDispose]: async () => server.forceShutdown() };
}
