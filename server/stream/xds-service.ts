// The xDS services on a grpc-js server: every stream becomes a Connection, every end of one a gRPC status. Nothing
// outside this file and grpc-server.ts knows the transport.

import { randomBytes } from 'node:crypto';
import grpc from '@grpc/grpc-js';
import type { DeltaDiscoveryRequest, DiscoveryRequest } from '../../proto/generated/envoy.service.discovery.v3.ts';
import { xdsServices, type XdsMethod } from '../../proto/xds-service.ts';
import { emptyTypeSnapshot } from '../cache/type-snapshot.ts';
import { Connection, type StreamSink } from './connection.ts';
import { encodeSotw } from './encode-response.ts';
import type { PeerAuthenticator, PeerCredentials } from './peer-authenticator.ts';
import type { StreamContext } from './stream-context.ts';
import type { StreamEnd } from './stream-end.ts';
import { Subscription } from './subscription.ts';
import { ruleOf } from './type-rules.ts';

export interface XdsServiceOptions {
  readonly context: StreamContext;
  readonly authenticator: PeerAuthenticator;
  /** Whether the server's port speaks TLS. */
  readonly tls: boolean;
}

/** Bytes that are no request. */
interface Undecodable {
  readonly undecodable: string;
}

type Received<Request> = Request | Undecodable;
type StreamCall<Request> = grpc.ServerDuplexStream<Received<Request>, Uint8Array>;
type FetchCall = grpc.ServerUnaryCall<Received<DiscoveryRequest>, Uint8Array>;
type Calls = Pick<FetchCall, 'getAuthContext' | 'getPeer' | 'metadata'>;

interface Methods {
  readonly stream?: XdsMethod<DiscoveryRequest>;
  readonly delta: XdsMethod<DeltaDiscoveryRequest>;
  readonly fetch?: XdsMethod<DiscoveryRequest>;
}

/** Adds ADS and the services for one type (CDS, EDS, LDS, RDS, VHDS, SDS) to the server. */
export function addXdsServices(server: grpc.Server, options: XdsServiceOptions): void {
  for (const service of Object.values(xdsServices)) {
    const methods: Methods = service.definition;
    const typeUrl: string | undefined = service.typeUrl;
    const definition: Record<string, grpc.MethodDefinition<unknown, unknown>> = {};
    const handlers: Record<string, grpc.UntypedHandleCall> = {};
    definition['delta'] = tolerant(methods.delta);
    handlers['delta'] = (call: StreamCall<DeltaDiscoveryRequest>) => {
      void serveStream(call, {
        ...options,
        typeUrl,
        variant: 'delta',
        receive: (connection, request) => connection.receiveDelta(request),
      });
    };
    if (methods.stream !== undefined) {
      definition['stream'] = tolerant(methods.stream);
      handlers['stream'] = (call: StreamCall<DiscoveryRequest>) => {
        void serveStream(call, {
          ...options,
          typeUrl,
          variant: 'sotw',
          receive: (connection, request) => connection.receiveSotw(request),
        });
      };
    }
    if (methods.fetch !== undefined && typeUrl !== undefined) {
      definition['fetch'] = tolerant(methods.fetch);
      handlers['fetch'] = (call: FetchCall, callback: grpc.sendUnaryData<Uint8Array>) => {
        void answerFetch(call, callback, { ...options, typeUrl });
      };
    }
    server.addService(definition, handlers);
  }
}

interface StreamOptions<Request> extends XdsServiceOptions {
  readonly typeUrl: string | undefined;
  readonly variant: 'delta' | 'sotw';
  readonly receive: (connection: Connection, request: Request) => void;
}

/** Requests are not read before the peer is known. */
async function serveStream<Request>(call: StreamCall<Request>, options: StreamOptions<Request>): Promise<void> {
  const { context, variant, typeUrl } = options;
  const finish = (end: StreamEnd): void => endCall(call, end);
  try {
    const { draining } = context.connections;
    if (draining !== undefined) return finish(draining);
    const outcome = await options.authenticator.authenticate(credentialsOf(call, options.tls));
    if (outcome.kind === 'refused') return finish(outcome);
    if (call.cancelled) return undefined;
    const sink: StreamSink = { write: (bytes, flushed) => void call.write(bytes, flushed), end: finish };
    const id = randomBytes(6).toString('hex');
    const connection = new Connection({ id, variant, typeUrl, peer: outcome.peer, sink, context });
    call.on('cancelled', () => connection.closed({ code: 'CANCELLED', message: 'the client left' }));
    call.on('error', (error) => connection.closed({ code: 'CANCELLED', message: error.message }));
    call.on('end', () => connection.end({ code: 'OK', message: '' }));
    call.on('data', (request: Received<Request>) => {
      if (isUndecodable(request)) return connection.end({ code: 'INVALID_ARGUMENT', message: request.undecodable });
      try {
        return options.receive(connection, request);
      } catch (error) {
        return connection.end(internalError(error, context));
      }
    });
  } catch (error) {
    finish(internalError(error, context));
  }
  return undefined;
}

async function answerFetch(
  call: FetchCall,
  callback: grpc.sendUnaryData<Uint8Array>,
  options: XdsServiceOptions & { readonly typeUrl: string },
): Promise<void> {
  try {
    const outcome = await serveFetch(call, options);
    if (outcome instanceof Uint8Array) callback(null, outcome);
    else callback(statusOf(outcome));
  } catch (error) {
    callback(statusOf(internalError(error, options.context)));
  }
}

/** One request, one answer: the whole state of what is asked for. */
async function serveFetch(
  call: FetchCall,
  options: XdsServiceOptions & { readonly typeUrl: string },
): Promise<Uint8Array | StreamEnd> {
  const { context, typeUrl } = options;
  const request = call.request;
  if (isUndecodable(request)) return { code: 'INVALID_ARGUMENT', message: request.undecodable };
  if (request.node === undefined) return { code: 'INVALID_ARGUMENT', message: 'the request needs a node' };
  const outcome = await options.authenticator.authenticate(credentialsOf(call, options.tls));
  if (outcome.kind === 'refused') return outcome;
  const { peer } = outcome;
  const opened = context.source.open({ node: request.node, peer, variant: 'sotw', typeUrl }, () => undefined);
  if (opened.kind === 'refused') return opened;
  try {
    const subscription = new Subscription({
      rule: ruleOf(typeUrl),
      variant: 'sotw',
      names: context.names,
      answers: context.answers,
    });
    subscription.updateSotw(request.resourceNames ?? [], '');
    const pending = subscription.compare(opened.snapshot(typeUrl) ?? emptyTypeSnapshot);
    const all = { additions: true, removals: true, maxBytes: Number.POSITIVE_INFINITY };
    const batch = pending === undefined ? undefined : subscription.take(pending, all);
    return encodeSotw(batch ?? { resources: [] }, { typeUrl, nonce: '' }).bytes;
  } finally {
    opened.close();
  }
}

/** What grpc-js would answer with INTERNAL is the client's mistake. */
function tolerant<Request>(method: XdsMethod<Request>): grpc.MethodDefinition<unknown, unknown> {
  return {
    ...method,
    requestSerialize: (request) => method.requestSerialize(request as Request),
    responseSerialize: (response) => method.responseSerialize(response as Uint8Array),
    requestDeserialize: (bytes) => {
      try {
        return method.requestDeserialize(bytes);
      } catch (error) {
        return { undecodable: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}

function isUndecodable(received: unknown): received is Undecodable {
  return typeof received === 'object' && received !== null && 'undecodable' in received;
}

function credentialsOf(call: Calls, tls: boolean): PeerCredentials {
  const authentication = call.getAuthContext();
  const certificate = authentication.sslPeerCertificate;
  const authorization = call.metadata.get('authorization')[0]?.toString();
  return {
    address: call.getPeer(),
    tls,
    certificateUris: certificate === undefined ? [] : urisOf(certificate.subjectaltname ?? ''),
    bearerToken: authorization?.startsWith('Bearer ') === true ? authorization.slice('Bearer '.length) : undefined,
    clusterId: call.metadata.get('clusterid')[0]?.toString(),
  };
}

/** `URI:spiffe://…` in Node's text form of the alternative names. */
function urisOf(alternativeNames: string): readonly string[] {
  return alternativeNames
    .split(', ')
    .filter((name) => name.startsWith('URI:'))
    .map((name) => name.slice('URI:'.length));
}

function endCall(call: Pick<StreamCall<unknown>, 'end' | 'emit'>, end: StreamEnd): void {
  if (end.code === 'OK') call.end();
  else call.emit('error', statusOf(end));
}

function statusOf(end: StreamEnd): grpc.ServiceError {
  const code = grpc.status[end.code];
  return Object.assign(new Error(end.message), { code, details: end.message, metadata: new grpc.Metadata() });
}

function internalError(error: unknown, context: StreamContext): StreamEnd {
  context.metrics.failed();
  context.log.warn({ error }, 'a request could not be served');
  return { code: 'UNAVAILABLE', message: 'the request could not be served' };
}
