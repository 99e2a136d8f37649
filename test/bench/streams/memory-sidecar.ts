// A sidecar without a socket: the transport of one stream, in memory, whose client asks for what it is told of as the simulated
// sidecars do. While it is held, responses and their callbacks wait, so that each half of a push can be timed alone.

import { encode } from '../../../proto/codec.ts';
import type { Node } from '../../../proto/generated/envoy.config.core.v3.ts';
import { DeltaDiscoveryRequest } from '../../../proto/generated/envoy.service.discovery.v3.ts';
import type { ConnectionPeer, HttpStream, StreamReader } from '../../../server/grpc/http-stream.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { prefixed, readDeltaResponse } from '../fleet/delta-wire.ts';
import type { ReferenceReader } from '../fleet/references.ts';

export const deltaMethod = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

/** When (`performance.now`) the first response of a change was written; undefined before it. */
export interface FirstWrite {
  atMs: number | undefined;
}

interface Written {
  readonly message: readonly Uint8Array[];
  readonly taken: () => void;
}

export class MemorySidecar implements HttpStream {
  readonly peer: ConnectionPeer;
  readonly headers = { ':method': 'POST', ':path': deltaMethod, 'content-type': 'application/grpc' };
  readonly #node: Node;
  readonly #references: ReferenceReader;
  readonly #first: FirstWrite;
  readonly #written: Written[] = [];
  readonly #asked = new Map<string, Set<string>>();
  #reader: StreamReader | undefined;
  #virtualHostsAsked = false;

  constructor(node: Node, references: ReferenceReader, first: FirstWrite) {
    this.#node = node;
    this.peer = { address: `${node.id ?? ''}:1`, certificate: undefined };
    this.#references = references;
    this.#first = first;
  }

  onClose(): void {
    // It lives as long as the measurement.
  }

  read(reader: StreamReader): void {
    this.#reader = reader;
    this.#send({ typeUrl: typeUrls.cluster, node: this.#node });
    this.#send({ typeUrl: typeUrls.listener });
  }

  pause(): void {
    // What it sends waits for nobody.
  }

  resume(): void {
    // It was never paused.
  }

  leaveConnection(): void {
    // There is none.
  }

  respond(): void {
    // Headers are of no interest.
  }

  write(message: readonly Uint8Array[], taken: () => void): void {
    this.#first.atMs ??= performance.now();
    this.#written.push({ message, taken });
  }

  end(): void {
    throw new Error('a stream was ended');
  }

  reset(): void {
    throw new Error('a stream was reset');
  }

  /** Responses that wait. */
  get waiting(): number {
    return this.#written.length;
  }

  /** As a transport that has taken all that waits. */
  take(): void {
    for (const { taken } of this.#written) taken();
  }

  /** Answers to all that waits, which is over then. */
  answers(): readonly Buffer[] {
    return this.#written.splice(0).map(({ message }) => {
      const { typeUrl, nonce } = readDeltaResponse(Buffer.concat(message));
      return requestOf({ typeUrl, responseNonce: nonce });
    });
  }

  /** As a transport that has read this. */
  receive(bytes: Buffer): void {
    this.#reader?.data(bytes);
  }

  /** Takes and answers all that waits, and asks for what it names. */
  follow(): void {
    for (const { message, taken } of this.#written.splice(0)) {
      taken();
      this.#follow(Buffer.concat(message));
    }
  }

  #follow(message: Buffer): void {
    const { typeUrl, nonce, resources } = readDeltaResponse(message);
    const references = resources.map((resource) => this.#references.of(typeUrl, resource));
    this.#send({ typeUrl, responseNonce: nonce });
    this.#ask(
      typeUrls.endpoint,
      references.flatMap(({ endpoints }) => endpoints),
    );
    this.#ask(
      typeUrls.route,
      references.flatMap(({ routes }) => routes),
    );
    if (this.#virtualHostsAsked || !references.some(({ virtualHosts }) => virtualHosts)) return;
    this.#virtualHostsAsked = true;
    this.#send({ typeUrl: typeUrls.virtualHost });
  }

  #ask(typeUrl: string, names: readonly string[]): void {
    const asked = this.#asked.get(typeUrl) ?? new Set();
    this.#asked.set(typeUrl, asked);
    const fresh = names.filter((name) => !asked.has(name));
    for (const name of fresh) asked.add(name);
    if (fresh.length > 0) this.#send({ typeUrl, resourceNamesSubscribe: fresh });
  }

  #send(request: DeltaDiscoveryRequest): void {
    this.receive(requestOf(request));
  }
}

function requestOf(request: DeltaDiscoveryRequest): Buffer {
  return prefixed(encode<DeltaDiscoveryRequest>(DeltaDiscoveryRequest, request));
}
