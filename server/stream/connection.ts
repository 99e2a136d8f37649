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
import { WriteDeadline } from './write-deadline.ts';
import { isKnownType, isReportType, routeConfigurationOf, ruleOf, typeUrls } from './type-rules.ts';

/** The transport of one stream. */
export interface StreamSink {
  /** A message, given in parts. `taken` is called, once and later, when the transport has taken it; messages are taken in order. */
  write(message: readonly Uint8Array[], taken: () => void): void;
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
  #types: ReadonlyMap<string, TypeDelivery> = new Map();
  /** Of them, those with something unsent or unanswered, in no order: a change and its answer touch no others. */
  #busy: TypeDelivery[] = [];
  #opened: OpenedNode | undefined;
  #reports: ReportDelivery | undefined;
  /** The client has not got all of a change: nothing of it, or what was sent of it is not answered. */
  #behind: 'no' | 'unsent' | 'unanswered' = 'no';
  /** Since when (`performance.now`), while it is behind. */
  #behindSinceMs = 0;
  #closed = false;
  #flushing = false;
  #nonces = 0;
  /** What the transport has not taken yet, in order. */
  readonly #untaken: (TypeDelivery | ReportDelivery)[] = [];
  /** One for all messages. */
  readonly #taken = (): void => this.#tookMessage();
  readonly #writeDeadline: WriteDeadline;
  #orderTimer: NodeJS.Timeout | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#connectedAtMs = options.context.now();
    const { writeTimeoutMs } = options.context.limits;
    this.#writeDeadline = new WriteDeadline(writeTimeoutMs, () => {
      options.context.metrics.slowReader();
      this.end({ code: 'DEADLINE_EXCEEDED', message: `nothing was read for ${writeTimeoutMs} ms` });
    });
    options.context.connections.add(this);
    options.context.metrics.connected(options.variant);
  }

  receiveDelta(request: DeltaRequest): void {
    this.#receive(ofDelta(request));
  }

  /** An answer to a response of the delta variant, and nothing else. */
  receiveAnswer(answer: DeltaAnswer): void {
    const type = this.#answered(answer) ?? this.#types.get(answer.typeUrl);
    if (type === undefined) return this.receiveDelta(plainDeltaRequest(answer));
    // A type that was begun is one that this stream may have, of a node that is known.
    this.#options.context.metrics.requested(type.typeUrl);
    this.#acknowledge(type, answer.responseNonce, undefined);
    return this.#flush();
  }

  /** Found by its nonce, which is unique on a stream. */
  #answered({ typeUrl, responseNonce }: DeltaAnswer): TypeDelivery | undefined {
    for (const type of this.#busy) {
      if (type.sentNonce === responseNonce) return type.typeUrl === typeUrl ? type : undefined;
    }
    return undefined;
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
    this.#writeDeadline.clear();
    clearTimeout(this.#orderTimer);
    this.#types = new Map();
    this.#busy = [];
    this.#opened?.close();
    this.#options.context.connections.delete(this);
    this.#options.context.metrics.disconnected(this.#options.variant, end.code);
  }

  status(): ConnectionStatus {
    const { id, peer, variant } = this.#options;
    const types = Array.from(this.#types.values(), (type) => type.status());
    return { id, nodeId: this.#opened?.nodeId ?? '', peer, variant, connectedAtMs: this.#connectedAtMs, types };
  }

  /** How its client stands to the current versions of some resources of a type: those that `select` returns. */
  standings(typeUrl: string, select: (snapshot: TypeSnapshot) => readonly EncodedResource[]): readonly Standing[] {
    const type = this.#types.get(typeUrl);
    const snapshot = type === undefined ? undefined : this.#opened?.snapshot(typeUrl);
    if (type === undefined || snapshot === undefined) return [];
    return select(snapshot).flatMap((resource) => type.standing(resource) ?? []);
  }

  /** What its client can't take at present. */
  rejections(): readonly ClientRejection[] {
    const nodeId = this.#opened?.nodeId ?? '';
    return [...this.#types.values()].flatMap((type) => type.rejectedParts().map((found) => ({ ...found, nodeId })));
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
    const known = this.#types.get(typeUrl);
    if (known === undefined && this.#types.size >= limits.maxTypes) {
      this.end({ code: 'RESOURCE_EXHAUSTED', message: `more than ${limits.maxTypes} types on one stream` });
      return;
    }
    const type = known ?? this.#begin(typeUrl);
    if (this.#acknowledge(type, request.nonce, request.error) && (known === undefined || request.changesNames)) {
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
    const { variant } = this.#options;
    const opened = this.#opened;
    if (opened === undefined) return;
    const reports = (this.#reports ??= new ReportDelivery({ variant, opened, nextNonce: () => this.#nextNonce() }));
    const answer = reports.answer(typeUrl, request);
    if (answer?.kind === 'refused') this.end({ code: answer.code, message: answer.message });
    if (answer?.kind !== 'bytes') return;
    this.#handOver(reports, [answer.bytes], performance.now());
  }

  #nextNonce(): string {
    this.#nonces += 1;
    return nonceOf(this.#options.id, this.#nonces);
  }

  #begin(requestedType: string): TypeDelivery {
    const { variant, context } = this.#options;
    const rule = ruleOf(requestedType);
    const { typeUrl } = rule;
    const followsRoutes =
      variant === 'delta' && typeUrl === typeUrls.virtualHost && this.#options.typeUrl === undefined;
    const routes = (): Subscription | undefined => this.#types.get(typeUrls.route)?.subscription;
    const subscription = new Subscription({
      rule,
      variant,
      names: context.names,
      answers: context.answers,
      ...(followsRoutes ? { parent: routes } : {}),
    });
    const type = new TypeDelivery(subscription);
    const types = [...this.#types.values(), type].toSorted((one, other) => one.rank - other.rank);
    this.#types = new Map(types.map((one) => [one.typeUrl, one]));
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
  #acknowledge(type: TypeDelivery, nonce: string, error: string | undefined): boolean {
    if (nonce === '' || type.sentNonce === '') return true;
    const { typeUrl } = type;
    const { metrics } = this.#options.context;
    const answered = type.answer(nonce, error);
    if (answered !== undefined) {
      const { names } = answered;
      if (error === undefined) {
        metrics.acknowledged(typeUrl);
        this.#opened?.acknowledged({ typeUrl, nonce, names, error, blamed: undefined });
      } else {
        metrics.rejected(typeUrl);
        const { answers, now } = this.#options.context;
        const { blamed } = type.blame(answered, { error, nowMs: now(), suspects: answers.suspects });
        this.#opened?.acknowledged({ typeUrl, nonce, names, error, blamed });
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
    this.#owe(type);
    if (type.typeUrl === typeUrls.route) this.#resendVirtualHosts(asked);
    return true;
  }

  /**
   * Which virtual hosts are wanted follows from the route configurations. A client that asks for one has none of its
   * virtual hosts, or forgot them.
   */
  #resendVirtualHosts(routes: readonly ResourceName[]): void {
    const virtualHosts = this.#types.get(typeUrls.virtualHost);
    if (virtualHosts === undefined) return;
    const asked = new Set(routes);
    virtualHosts.subscription.resend((name) => asked.has(resourceName(routeConfigurationOf(name))));
    this.#owe(virtualHosts);
  }

  #changed(typesChanged: ReadonlySet<string>): void {
    if (this.#closed) return;
    for (const typeUrl of typesChanged) {
      const type = this.#types.get(typeUrl);
      if (type === undefined) continue;
      this.#owe(type);
      if (this.#behind !== 'no') continue;
      this.#behind = 'unsent';
      this.#behindSinceMs = performance.now();
    }
    this.#flush();
  }

  /** The client may lack something of the type. */
  #owe(type: TypeDelivery): void {
    if (!this.#busy.includes(type)) this.#busy.push(type);
    type.unsent = 'additions';
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
    this.#noteSettled();
  }

  /** Nearly always none or one: the answer to a response, and the change of one type. Clusters concern other types too. */
  #unsent(): TypeDelivery | 'none' | 'several' {
    let only: TypeDelivery | undefined;
    for (const type of this.#busy) {
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
    for (const type of this.#types.values()) compared.set(type, this.#compare(type));
    let held = false;
    for (const type of this.#types.values()) {
      held = this.#send(type, compared.get(type) ?? this.#compare(type), compared) || held;
    }
    return held;
  }

  /** Whether the client answered all that followed from a change, or nothing of the change was for it. */
  #noteSettled(): void {
    if (this.#busy.some(isSettled)) this.#busy = this.#busy.filter((type) => !type.settled);
    if (this.#behind === 'no' || this.#busy.length > 0) return;
    if (this.#behind === 'unanswered') {
      this.#options.context.metrics.converged(performance.now() - this.#behindSinceMs);
    }
    this.#behind = 'no';
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
    const endpoints = this.#types.get(typeUrls.endpoint);
    if (endpoints?.subscription.resend(() => true, clusters) !== true) return;
    this.#owe(endpoints);
    compared?.delete(endpoints);
  }

  #write(type: TypeDelivery, batch: Batch): void {
    const { variant, context } = this.#options;
    const { typeUrl } = type;
    const startedMs = performance.now();
    const nonce = this.#nextNonce();
    const { parts, version } =
      variant === 'delta'
        ? encodeDelta(context.answers.envelope(batch, typeUrl), nonce)
        : encodeSotw(batch, { typeUrl, nonce });
    type.sent({ nonce, version, atMs: context.now() }, batch);
    this.#handOver(type, parts, startedMs);
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    context.metrics.pushed({
      typeUrl,
      bytes,
      resources: batch.resources.length,
      removed: batch.removed.length,
      tookMs: performance.now() - startedMs,
    });
    if (this.#behind !== 'unsent') return;
    this.#behind = 'unanswered';
    context.metrics.waited(startedMs - this.#behindSinceMs);
  }

  #progressOf(typeUrl: string): Progress | undefined {
    const { limits, now } = this.#options.context;
    return this.#types.get(typeUrl)?.progress({ nowMs: now(), orderTimeoutMs: limits.orderTimeoutMs });
  }

  #handOver(delivery: TypeDelivery | ReportDelivery, message: readonly Uint8Array[], nowMs: number): void {
    this.#writeDeadline.begin(nowMs);
    this.#untaken.push(delivery);
    this.#options.sink.write(message, this.#taken);
  }

  #tookMessage(): void {
    if (this.#closed) return;
    const delivery = this.#untaken.shift();
    if (this.#untaken.length === 0) this.#writeDeadline.end();
    else this.#writeDeadline.begin(performance.now());
    // Answered before it was taken: now the next one may go.
    if (delivery?.flushed() === true) this.#flush();
  }

  #armOrderTimer(held: boolean): void {
    if (this.#orderTimer !== undefined) clearTimeout(this.#orderTimer);
    this.#orderTimer =
      held && !this.#closed ? setTimeout(() => this.#flush(), this.#options.context.limits.orderTimeoutMs) : undefined;
  }
}

function isSettled(type: TypeDelivery): boolean {
  return type.settled;
}

/** What remains of a difference of which nothing was put into a response. */
function leftOver(pending: Pending, additions: boolean): Progress['unsent'] {
  if (pending.additions.length > 0 && !additions) return 'additions';
  return pending.removals.length > 0 ? 'removals' : 'none';
}
