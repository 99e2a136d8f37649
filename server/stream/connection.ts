// One stream: requests of any number of types come in, responses go out, at most one of a type unanswered at a time.
// A change only marks types as unsent; what is sent when the client answers is the state of that moment, so nothing is
// queued and a slow reader holds one response for each type, however much changes. The transport is behind `StreamSink`.

import type { DiscoveryRequest } from '../../proto/generated/envoy.service.discovery.v3.ts';
import type { DeltaAnswer } from '../../proto/read-delta-answer.ts';
import { plainDeltaRequest, type DeltaRequest } from '../../proto/read-delta-request.ts';
import type { Node } from '../../proto/generated/envoy.config.core.v3.ts';
import { resourceName, type EncodedResource, type ResourceName } from '../cache/encoded-resource.ts';
import { emptyTypeSnapshot, type TypeSnapshot } from '../cache/type-snapshot.ts';
import { encodeDelta, encodeSotw } from './encode-response.ts';
import { mayAdd, mayRemove, type Progress } from './make-before-break.ts';
import { nonceOf } from './nonce.ts';
import { ReportDelivery } from './report-delivery.ts';
import type { OpenedNode, Peer } from './snapshot-source.ts';
import type { StreamContext } from './stream-context.ts';
import type { StreamEnd } from './stream-end.ts';
import type { Batch, Pending } from './response-batch.ts';
import { ofDelta, ofSotw, type StreamRequest } from './stream-request.ts';
import { Subscription } from './subscription.ts';
import { TypeDelivery, type RejectedPart, type Standing, type TypeStatus } from './type-delivery.ts';
import { isKnownType, isReportType, routeConfigurationOf, ruleOf, typeUrls } from './type-rules.ts';

/** The transport of one stream. */
export interface StreamSink {
  /** A message, given in parts. `flushed` is called, once and later, when the transport has taken it. */
  write(message: readonly Uint8Array[], flushed: () => void): void;
  end(end: StreamEnd): void;
}

export interface ConnectionOptions {
  /** Unique among the server's streams; nonces begin with it. */
  readonly id: string;
  readonly variant: 'delta' | 'sotw';
  /** Of a service for one type; absent on the aggregated service. */
  readonly typeUrl?: string | undefined;
  readonly peer: Peer;
  readonly sink: StreamSink;
  readonly context: StreamContext;
}

export interface ConnectionStatus {
  readonly id: string;
  /** Empty until the first request. */
  readonly nodeId: string;
  readonly peer: Peer;
  readonly variant: 'delta' | 'sotw';
  readonly connectedAtMs: number;
  /** In the order in which a change reaches the client. */
  readonly types: readonly TypeStatus[];
}

/** What a client can't take. */
export interface ClientRejection {
  readonly nodeId: string;
  readonly typeUrl: string;
  /** Absent when the client did not say which resource of a response it is. */
  readonly part?: RejectedPart | undefined;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #connectedAtMs: number;
  /** In the order in which a change is sent. */
  #types: readonly TypeDelivery[] = [];
  #opened: OpenedNode | undefined;
  #reports: ReportDelivery | undefined;
  /** Since when (`performance.now`) the client has not got all of a change, and whether any of it was sent. */
  #behind: { readonly sinceMs: number; sent: boolean } | undefined;
  #closed = false;
  #flushing = false;
  #nonces = 0;
  #writesPending = 0;
  /** When (`performance.now`) the transport was last given or took anything. */
  #writeProgressMs = 0;
  #writeTimer: NodeJS.Timeout | undefined;
  #orderTimer: NodeJS.Timeout | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#connectedAtMs = options.context.now();
    options.context.connections.add(this);
    options.context.metrics.connected(options.variant);
  }

  receiveDelta(request: DeltaRequest): void {
    this.#receive(ofDelta(request));
  }

  /** An answer to a response of the delta variant, and nothing else. */
  receiveAnswer(answer: DeltaAnswer): void {
    const type = this.#delivery(answer.typeUrl);
    if (type === undefined) return this.receiveDelta(plainDeltaRequest(answer));
    // A type that was begun is one that this stream may have, of a node that is known.
    this.#options.context.metrics.requested(type.typeUrl);
    this.#acknowledge(type, { nonce: answer.responseNonce, error: undefined });
    return this.#flush();
  }

  receiveSotw(request: DiscoveryRequest): void {
    this.#receive(ofSotw(request));
  }

  /** Ends the stream from this side. */
  end(end: StreamEnd): void {
    if (this.#closed) return;
    this.closed(end);
    this.#options.sink.end(end);
  }

  /** The stream is over. Nothing is sent after this. */
  closed(end: StreamEnd): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#writeTimer);
    clearTimeout(this.#orderTimer);
    this.#types = [];
    this.#opened?.close();
    this.#options.context.connections.delete(this);
    this.#options.context.metrics.disconnected(this.#options.variant, end.code);
  }

  status(): ConnectionStatus {
    const { id, peer, variant } = this.#options;
    const types = this.#types.map((type) => type.status());
    return { id, nodeId: this.#opened?.nodeId ?? '', peer, variant, connectedAtMs: this.#connectedAtMs, types };
  }

  /** How its client stands to the current versions of some resources of a type: those that `select` returns. */
  standings(typeUrl: string, select: (snapshot: TypeSnapshot) => readonly EncodedResource[]): readonly Standing[] {
    const type = this.#delivery(typeUrl);
    const snapshot = type === undefined ? undefined : this.#opened?.snapshot(typeUrl);
    if (type === undefined || snapshot === undefined) return [];
    return select(snapshot).flatMap((resource) => type.standing(resource) ?? []);
  }

  /** What its client can't take at present. */
  rejections(): readonly ClientRejection[] {
    const nodeId = this.#opened?.nodeId ?? '';
    return this.#types.flatMap((type) => type.rejectedParts().map((found) => ({ ...found, nodeId })));
  }

  #receive(request: StreamRequest): void {
    if (this.#closed) return;
    const { limits, metrics } = this.#options.context;
    const typeUrl = this.#typeOf(request);
    if (typeUrl === undefined || !this.#openFor(request.node, typeUrl)) return;
    metrics.requested(typeUrl);
    if (isReportType(typeUrl)) {
      this.#report(typeUrl, request);
      return;
    }
    if (typeUrl === typeUrls.healthInformation) this.#opened?.reportHealth?.(request.error);
    if (this.#opened?.reportsOnly === true) {
      this.end({ code: 'INVALID_ARGUMENT', message: `a tool is served istio.io/debug types, not ${typeUrl}` });
      return;
    }
    const known = this.#types.find((type) => type.typeUrl === typeUrl);
    if (known === undefined && this.#types.length >= limits.maxTypes) {
      this.end({ code: 'RESOURCE_EXHAUSTED', message: `more than ${limits.maxTypes} types on one stream` });
      return;
    }
    const type = known ?? this.#begin(typeUrl);
    if (this.#acknowledge(type, request) && (known === undefined || request.changesNames)) {
      if (!this.#subscribe(type, request)) return;
    }
    this.#flush();
  }

  /** The type asked for; ends the stream when there is none, or another than its service has. */
  #typeOf(request: StreamRequest): string | undefined {
    const own = this.#options.typeUrl;
    if (own === undefined && request.typeUrl === '') {
      this.end({ code: 'INVALID_ARGUMENT', message: 'a request on the aggregated service needs a type_url' });
      return undefined;
    }
    if (own !== undefined && request.typeUrl !== '' && request.typeUrl !== own) {
      this.end({ code: 'INVALID_ARGUMENT', message: `this service has ${own}, not ${request.typeUrl}` });
      return undefined;
    }
    return own ?? request.typeUrl;
  }

  /** "It is sufficient to only check the first message for the node identifier" (xDS protocol): later ones are not read. */
  #openFor(node: Node | undefined, typeUrl: string): boolean {
    if (this.#opened !== undefined) return true;
    if (node === undefined) {
      this.end({ code: 'INVALID_ARGUMENT', message: 'the first request of a stream needs a node' });
      return false;
    }
    const { peer, variant, context } = this.#options;
    const opened = context.source.open({ node, peer, variant, typeUrl }, (changed) => this.#changed(changed));
    if (opened.kind === 'refused') {
      this.end({ code: opened.code, message: opened.message });
      return false;
    }
    this.#opened = opened;
    return true;
  }

  #report(typeUrl: string, request: StreamRequest): void {
    const { variant, sink } = this.#options;
    const opened = this.#opened;
    if (opened === undefined) return;
    const reports = (this.#reports ??= new ReportDelivery({ variant, opened, nextNonce: () => this.#nextNonce() }));
    const answer = reports.answer(typeUrl, request);
    if (answer?.kind === 'refused') this.end({ code: answer.code, message: answer.message });
    if (answer?.kind !== 'bytes') return;
    this.#handOver(sink, [answer.bytes], () => reports.flushed());
  }

  #nextNonce(): string {
    this.#nonces += 1;
    return nonceOf(this.#options.id, this.#nonces);
  }

  #begin(typeUrl: string): TypeDelivery {
    const { variant, context } = this.#options;
    const rule = ruleOf(typeUrl);
    const followsRoutes =
      variant === 'delta' && typeUrl === typeUrls.virtualHost && this.#options.typeUrl === undefined;
    const routes = (): Subscription | undefined => this.#delivery(typeUrls.route)?.subscription;
    const subscription = new Subscription({
      rule,
      variant,
      names: context.names,
      answers: context.answers,
      ...(followsRoutes ? { parent: routes } : {}),
    });
    const type = new TypeDelivery(subscription);
    this.#types = [...this.#types, type].toSorted((one, other) => one.rank - other.rank);
    if (!rule.silent && !isKnownType(typeUrl) && this.#opened?.snapshot(typeUrl) === undefined) this.#unknown(typeUrl);
    return type;
  }

  #unknown(typeUrl: string): void {
    const { metrics, connections, log } = this.#options.context;
    metrics.unknownType(typeUrl);
    if (connections.firstSeen(typeUrl)) {
      log.warn({ typeUrl, nodeId: this.#opened?.nodeId }, 'a client asks for a type that is not served');
    }
  }

  /**
   * Takes note of the answer that a request may be. False when the rest of the request is void: in state of the world a
   * request with a stale nonce is superseded by the one that answers the newer response. Delta "must honor changes to
   * the subscription state even if the nonce is stale".
   */
  #acknowledge(type: TypeDelivery, answer: Pick<StreamRequest, 'nonce' | 'error'>): boolean {
    const { nonce, error } = answer;
    if (nonce === '' || type.sentNonce === '') return true;
    const { typeUrl } = type;
    const { metrics } = this.#options.context;
    const answered = type.answer(answer);
    if (answered !== undefined) {
      const report = { typeUrl, nonce, names: answered.batch.names };
      if (error === undefined) {
        metrics.acknowledged(typeUrl);
        this.#opened?.acknowledged(report);
      } else {
        metrics.rejected(typeUrl);
        const { answers, now } = this.#options.context;
        const { blamed } = type.blame(answered.batch, { error, nowMs: now(), suspects: answers.suspects });
        this.#opened?.acknowledged({ ...report, error, ...(blamed === undefined ? {} : { blamed }) });
      }
      return true;
    }
    if (nonce === type.sentNonce) return true;
    metrics.expiredNonce(typeUrl);
    return this.#options.variant === 'delta';
  }

  /** False when the stream was ended because it asks for too much. */
  #subscribe(type: TypeDelivery, request: StreamRequest): boolean {
    const { limits } = this.#options.context;
    const asked = request.nameCount > limits.maxNames ? [] : request.apply(type.subscription);
    if (request.nameCount > limits.maxNames || type.subscription.names.size > limits.maxNames) {
      this.end({ code: 'RESOURCE_EXHAUSTED', message: `more than ${limits.maxNames} names of one type` });
      return false;
    }
    type.unsent = 'additions';
    if (type.typeUrl === typeUrls.route) this.#resendVirtualHosts(asked);
    return true;
  }

  /**
   * Which virtual hosts are wanted follows from the route configurations. A client that asks for one has none of its
   * virtual hosts, or forgot them.
   */
  #resendVirtualHosts(routes: readonly ResourceName[]): void {
    const virtualHosts = this.#delivery(typeUrls.virtualHost);
    if (virtualHosts === undefined) return;
    const asked = new Set(routes);
    virtualHosts.subscription.resend((name) => asked.has(resourceName(routeConfigurationOf(name))));
    virtualHosts.unsent = 'additions';
  }

  #changed(typesChanged: ReadonlySet<string>): void {
    if (this.#closed) return;
    for (const type of this.#types) {
      if (!typesChanged.has(type.typeUrl)) continue;
      type.unsent = 'additions';
      this.#behind ??= { sinceMs: performance.now(), sent: false };
    }
    this.#flush();
  }

  /** Sends what may be sent now, each type once, in order. */
  #flush(): void {
    if (this.#closed || this.#flushing) return;
    const unsent = this.#unsent();
    if (unsent !== 'none') {
      this.#flushing = true;
      this.#armOrderTimer(unsent === 'several' ? this.#sendAll() : this.#send(unsent, this.#compare(unsent)));
      this.#flushing = false;
    } else this.#armOrderTimer(false);
    this.#noteCaughtUp();
  }

  /** Nearly always none or one: the answer to a response, and the change of one type. Clusters concern other types too. */
  #unsent(): TypeDelivery | 'none' | 'several' {
    let only: TypeDelivery | undefined;
    for (const type of this.#types) {
      if (type.unsent === 'none') continue;
      if (only !== undefined || type.typeUrl === typeUrls.cluster) return 'several';
      only = type;
    }
    return only ?? 'none';
  }

  /** True when something waits for another type. */
  #sendAll(): boolean {
    // Compared first, so that a type without a difference holds up no other.
    const compared = new Map<TypeDelivery, Pending | undefined>();
    for (const type of this.#types) compared.set(type, this.#compare(type));
    let held = false;
    for (const type of this.#types) {
      held = this.#send(type, compared.get(type) ?? this.#compare(type), compared) || held;
    }
    return held;
  }

  /** The client answered all that followed from a change, or nothing of the change was for it. */
  #noteCaughtUp(): void {
    if (this.#behind === undefined || this.#types.some((type) => type.inFlight || type.unsent !== 'none')) return;
    const { sinceMs, sent } = this.#behind;
    this.#behind = undefined;
    if (sent) this.#options.context.metrics.converged(performance.now() - sinceMs);
  }

  #compare(type: TypeDelivery): Pending | undefined {
    if (type.unsent === 'none' || type.inFlight) return undefined;
    const target = this.#targetOf(type);
    const found = target === undefined ? undefined : type.subscription.compare(target);
    if (found === undefined) type.unsent = 'none';
    else type.unsent = found.additions.length > 0 || found.answerDue ? 'additions' : 'removals';
    return found;
  }

  /**
   * Undefined: not answered. Names of a type that is not served don't exist, and delta says so ("When a resource
   * subscribed to by a client does not exist, the server will send … removed_resources"); all of such a type is nothing.
   */
  #targetOf(type: TypeDelivery): TypeSnapshot | undefined {
    const snapshot = this.#opened?.snapshot(type.typeUrl);
    if (snapshot !== undefined) return snapshot;
    const { rule, wildcard } = type.subscription;
    return !rule.silent && (isKnownType(type.typeUrl) || !wildcard) ? emptyTypeSnapshot : undefined;
  }

  /** True when additions wait for another type. */
  #send(type: TypeDelivery, pending: Pending | undefined, compared?: Map<TypeDelivery, Pending | undefined>): boolean {
    if (pending === undefined || type.unsent === 'none' || type.inFlight) return false;
    const { limits } = this.#options.context;
    const progressOf = (typeUrl: string): Progress | undefined => this.#progressOf(typeUrl);
    const additions = pending.additions.length === 0 || mayAdd(type.typeUrl, progressOf);
    const removals = pending.removals.length === 0 || mayRemove(type.typeUrl, progressOf);
    const full = pending.removals.length > limits.maxWithheldRemovals;
    const only = type.only(pending);
    const batch = type.subscription.take(pending, {
      additions,
      removals: removals || full,
      maxBytes: limits.maxResponseBytes,
      only,
    });
    if (batch !== undefined && only !== undefined) this.#options.context.metrics.sentAgain(type.typeUrl);
    if (batch === undefined) {
      type.unsent = leftOver(pending, additions);
      return type.unsent === 'additions';
    }
    if (batch.left.additions > 0) type.unsent = 'additions';
    else type.unsent = batch.left.removals > 0 ? 'removals' : 'none';
    this.#write(type, batch);
    if (type.typeUrl === typeUrls.cluster) this.#warm(batch.replaced, compared);
    return type.unsent === 'additions' && !additions;
  }

  /**
   * "Warming of Cluster is completed only when a new ClusterLoadAssignment response is supplied by management server even
   * though there is no change in endpoints" (xDS protocol), and a client that has the name already does not ask again.
   */
  #warm(clusters: readonly ResourceName[], compared: Map<TypeDelivery, Pending | undefined> | undefined): void {
    const endpoints = this.#delivery(typeUrls.endpoint);
    if (endpoints?.subscription.resend(() => true, clusters) !== true) return;
    endpoints.unsent = 'additions';
    compared?.delete(endpoints);
  }

  #write(type: TypeDelivery, batch: Batch): void {
    const { variant, sink, context } = this.#options;
    const { typeUrl } = type;
    const startedMs = performance.now();
    const nonce = this.#nextNonce();
    const { parts, version } =
      variant === 'delta'
        ? encodeDelta(context.answers.envelope(batch, typeUrl), nonce)
        : encodeSotw(batch, { typeUrl, nonce });
    type.sent({ nonce, version, atMs: context.now() }, batch);
    this.#handOver(sink, parts, () => {
      if (type.flushed(nonce)) this.#flush();
    });
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    context.metrics.pushed({
      typeUrl,
      bytes,
      resources: batch.resources.length,
      removed: batch.removed.length,
      tookMs: performance.now() - startedMs,
    });
    if (this.#behind === undefined || this.#behind.sent) return;
    this.#behind.sent = true;
    context.metrics.waited(startedMs - this.#behind.sinceMs);
  }

  #delivery(typeUrl: string): TypeDelivery | undefined {
    return this.#types.find((type) => type.typeUrl === typeUrl);
  }

  #progressOf(typeUrl: string): Progress | undefined {
    const { limits, now } = this.#options.context;
    return this.#delivery(typeUrl)?.progress({ nowMs: now(), orderTimeoutMs: limits.orderTimeoutMs });
  }

  #handOver(sink: StreamSink, message: readonly Uint8Array[], flushed: () => void): void {
    this.#writesPending += 1;
    this.#writeProgressMs = performance.now();
    if (this.#writeTimer === undefined) this.#armWriteTimer(this.#options.context.limits.writeTimeoutMs);
    sink.write(message, () => {
      if (this.#closed) return;
      this.#writesPending -= 1;
      this.#writeProgressMs = performance.now();
      flushed();
    });
  }

  /**
   * Ends the stream when the transport holds something and took nothing for as long as is allowed. Looks when the time may
   * be over, instead of starting anew with every response.
   */
  #armWriteTimer(inMs: number): void {
    this.#writeTimer = setTimeout(() => {
      this.#writeTimer = undefined;
      if (this.#writesPending === 0) return;
      const { limits, metrics } = this.#options.context;
      const leftMs = this.#writeProgressMs + limits.writeTimeoutMs - performance.now();
      if (leftMs > 0) return this.#armWriteTimer(Math.ceil(leftMs));
      metrics.slowReader();
      return this.end({ code: 'DEADLINE_EXCEEDED', message: `nothing was read for ${limits.writeTimeoutMs} ms` });
    }, inMs);
  }

  #armOrderTimer(held: boolean): void {
    if (this.#orderTimer !== undefined) clearTimeout(this.#orderTimer);
    this.#orderTimer =
      held && !this.#closed ? setTimeout(() => this.#flush(), this.#options.context.limits.orderTimeoutMs) : undefined;
  }
}

/** What remains of a difference of which nothing was put into a response. */
function leftOver(pending: Pending, additions: boolean): Progress['unsent'] {
  if (pending.additions.length > 0 && !additions) return 'additions';
  return pending.removals.length > 0 ? 'removals' : 'none';
}
