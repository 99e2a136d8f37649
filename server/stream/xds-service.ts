// The xDS services as gRPC methods: every stream becomes a Connection, every end of one a gRPC status. Nothing outside
// this file knows the transport.

import { randomBytes } from 'node:crypto';
import type { DeltaDiscoveryRequest, DiscoveryRequest } from '../../proto/generated/envoy.service.discovery.v3.ts';
import { readDeltaAnswer } from '../../proto/read-delta-answer.ts';
import { plainDeltaRequest, readDeltaRequest, type DeltaRequest } from '../../proto/read-delta-request.ts';
import { concat } from '../../proto/splice.ts';
import { xdsServices, type XdsMethod } from '../../proto/xds-service.ts';
import { emptyTypeSnapshot } from '../cache/type-snapshot.ts';
import type { Call, CallEvents, CallHandler } from '../grpc/call.ts';
import type { GrpcStatus } from '../grpc/status.ts';
import { serveUnary } from '../grpc/unary-call.ts';
import { Connection } from './connection.ts';
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

interface Methods {
  readonly stream?: XdsMethod<DiscoveryRequest>;
  readonly delta: XdsMethod<DeltaDiscoveryRequest>;
  readonly fetch?: XdsMethod<DiscoveryRequest>;
}

/** ADS and the services for one type (CDS, EDS, LDS, RDS, VHDS, SDS), by path. */
export function xdsMethods(options: XdsServiceOptions): ReadonlyMap<string, CallHandler> {
  const handlers = new Map<string, CallHandler>();
  for (const service of Object.values(xdsServices)) {
    const { delta, stream, fetch }: Methods = service.definition;
    const typeUrl: string | undefined = service.typeUrl;
    const ofDelta: StreamOptions = {
      ...options,
      typeUrl,
      variant: 'delta',
      receive: (connection, bytes) => {
        const answer = readDeltaAnswer(asBuffer(bytes));
        if (answer === undefined) connection.receiveDelta(deltaRequest(delta, bytes));
        else connection.receiveAnswer(answer);
      },
    };
    handlers.set(delta.path, (call) => void serveStream(call, ofDelta));
    if (stream !== undefined) {
      const ofSotw: StreamOptions = {
        ...options,
        typeUrl,
        variant: 'sotw',
        receive: (connection, bytes) => connection.receiveSotw(decoded(stream, bytes)),
      };
      handlers.set(stream.path, (call) => void serveStream(call, ofSotw));
    }
    if (fetch !== undefined && typeUrl !== undefined) {
      handlers.set(fetch.path, (call) =>
        serveUnary(
          call,
          (bytes) => serveFetch(call, bytes, { ...options, typeUrl, method: fetch }),
          (error) => statusOfError(error, options.context),
        ),
      );
    }
  }
  return handlers;
}

interface StreamOptions extends XdsServiceOptions {
  readonly typeUrl: string | undefined;
  readonly variant: 'delta' | 'sotw';
  /** Throws MalformedRequest. */
  readonly receive: (connection: Connection, bytes: Uint8Array) => void;
}

/** Requests are not read before the peer is known. */
async function serveStream(call: Call, options: StreamOptions): Promise<void> {
  const { context, variant, typeUrl } = options;
  try {
    const { draining } = context.connections;
    if (draining !== undefined) return call.end(draining);
    const outcome = await options.authenticator.authenticate(credentialsOf(call, options.tls));
    if (outcome.kind === 'refused') return call.end(outcome);
    if (call.ended) return undefined;
    const id = randomBytes(6).toString('base64url');
    const connection = new Connection({ id, variant, typeUrl, peer: outcome.peer, sink: call, context });
    call.onInterrupt((status) => connection.closed(streamEndOf(status)));
    call.listen(new Requests(connection, options));
  } catch (error) {
    call.end(statusOfError(error, context));
  }
  return undefined;
}

/** Of one stream. */
class Requests implements CallEvents {
  readonly #connection: Connection;
  readonly #options: StreamOptions;

  constructor(connection: Connection, options: StreamOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  message(bytes: Uint8Array): void {
    const { receive, context } = this.#options;
    try {
      receive(this.#connection, bytes);
    } catch (error) {
      this.#connection.end(statusOfError(error, context));
    }
  }

  halfClosed(): void {
    this.#connection.end({ code: 'OK', message: '' });
  }
}

interface FetchOptions extends XdsServiceOptions {
  readonly typeUrl: string;
  readonly method: XdsMethod<DiscoveryRequest>;
}

/** One request, one answer: the whole state of what is asked for. */
async function serveFetch(call: Call, bytes: Uint8Array, options: FetchOptions): Promise<Uint8Array | GrpcStatus> {
  const { context, typeUrl } = options;
  const request = decoded(options.method, bytes);
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
    return concat(encodeSotw(batch ?? { resources: [] }, { typeUrl, nonce: '' }).parts);
  } finally {
    opened.close();
  }
}

/** Bytes that are no request: the client's mistake. */
class MalformedRequest extends Error {}

function decoded<Request>({ requestDeserialize }: XdsMethod<Request>, bytes: Uint8Array): Request {
  return wellFormed(() => requestDeserialize(asBuffer(bytes)));
}

function deltaRequest(method: XdsMethod<DeltaDiscoveryRequest>, bytes: Uint8Array): DeltaRequest {
  return wellFormed(() => readDeltaRequest(asBuffer(bytes)) ?? plainDeltaRequest(decoded(method, bytes)));
}

function wellFormed<Request>(read: () => Request): Request {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof MalformedRequest) throw cause;
    throw new MalformedRequest(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** The same memory. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function credentialsOf(call: Call, tls: boolean): PeerCredentials {
  const authorization = call.header('authorization');
  return {
    address: call.address,
    tls,
    certificateUris: call.certificate?.uris ?? [],
    bearerToken: authorization?.startsWith('Bearer ') === true ? authorization.slice('Bearer '.length) : undefined,
    clusterId: call.header('clusterid'),
  };
}

/** A call that the transport ended, as the end of its stream. */
function streamEndOf({ code, message }: GrpcStatus): StreamEnd {
  return { code: code === 'INTERNAL' ? 'INVALID_ARGUMENT' : code, message };
}

function statusOfError(error: unknown, context: StreamContext): StreamEnd {
  if (error instanceof MalformedRequest) return { code: 'INVALID_ARGUMENT', message: error.message };
  context.metrics.failed();
  context.log.warn({ error }, 'a request could not be served');
  return { code: 'UNAVAILABLE', message: 'the request could not be served' };
}
