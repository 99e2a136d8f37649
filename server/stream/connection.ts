// One stream from its beginning to its end, as the server sees it: opened by the first request, ended by either side, and what can be
// asked of it in between. The transport is behind `StreamSink`.

import type { DiscoveryRequest } from '../../proto/generated/envoy.service.discovery.v3.ts';
import type { DeltaAnswer } from '../../proto/read-delta-answer.ts';
import { plainDeltaRequest, type DeltaRequest } from '../../proto/read-delta-request.ts';
import type { Node } from '../../proto/generated/envoy.config.core.v3.ts';
import type { EncodedResource } from '../cache/encoded-resource.ts';
import type { TypeSnapshot } from '../cache/type-snapshot.ts';
import { OpenedStream } from './opened-stream.ts';
import type { Peer } from './snapshot-source.ts';
import type { StreamContext } from './stream-context.ts';
import type { StreamEnd } from './stream-end.ts';
import { ofDelta, ofSotw, type StreamRequest } from './stream-request.ts';
import type { StreamSink } from './stream-sink.ts';
import type { RejectedPart, Standing, TypeStatus } from './type-delivery.ts';

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
  #opened: OpenedStream | undefined;
  #closed = false;

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
    if (this.#opened?.receiveAnswer(answer) !== true) this.receiveDelta(plainDeltaRequest(answer));
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
    this.#opened?.close();
    this.#options.context.connections.delete(this);
    this.#options.context.metrics.disconnected(this.#options.variant, end.code);
  }

  status(): ConnectionStatus {
    const { id, peer, variant } = this.#options;
    const types = Array.from(this.#opened?.types.values() ?? [], (type) => type.status());
    const nodeId = this.#opened?.node.nodeId ?? '';
    return { id, nodeId, peer, variant, connectedAtMs: this.#connectedAtMs, types };
  }

  /** How its client stands to the current versions of some resources of a type: those that `select` returns. */
  standings(typeUrl: string, select: (snapshot: TypeSnapshot) => readonly EncodedResource[]): readonly Standing[] {
    const type = this.#opened?.types.get(typeUrl);
    const snapshot = type === undefined ? undefined : this.#opened?.node.snapshot(typeUrl);
    if (type === undefined || snapshot === undefined) return [];
    return select(snapshot).flatMap((resource) => type.standing(resource) ?? []);
  }

  /** What its client can't take at present. */
  rejections(): readonly ClientRejection[] {
    if (this.#opened === undefined) return [];
    const { types, node } = this.#opened;
    return [...types.values()].flatMap((type) =>
      type.rejectedParts().map((found) => ({ ...found, nodeId: node.nodeId })),
    );
  }

  #receive(request: StreamRequest): void {
    if (this.#closed) return;
    const typeUrl = this.#typeOf(request);
    if (typeUrl === undefined) return;
    const opened = (this.#opened ??= this.#open(request.node, typeUrl));
    const refusal = opened?.receive(typeUrl, request);
    if (refusal !== undefined) this.end({ code: refusal.code, message: refusal.message });
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

  /**
   * Ends the stream of a node that is not served. "It is sufficient to only check the first message for the node
   * identifier" (xDS protocol): later ones are not read.
   */
  #open(node: Node | undefined, requestedType: string): OpenedStream | undefined {
    if (node === undefined) {
      this.end({ code: 'INVALID_ARGUMENT', message: 'the first request of a stream needs a node' });
      return undefined;
    }
    const { id, peer, variant, typeUrl, sink, context } = this.#options;
    const opened = context.source.open({ node, peer, variant, typeUrl: requestedType }, (changed) =>
      this.#opened?.changed(changed),
    );
    if (opened.kind === 'refused') {
      this.end({ code: opened.code, message: opened.message });
      return undefined;
    }
    return new OpenedStream({ id, variant, typeUrl, node: opened, sink, context, end: (end) => this.end(end) });
  }
}
