// A sidecar that is not there: it asks over HTTP/2 for what Envoy asks for, accepts all that it is sent, and comes back with it.

import { decode, encode } from '../../proto/codec.ts';
import type { Node } from '../../proto/generated/envoy.config.core.v3.ts';
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../../proto/generated/envoy.service.discovery.v3.ts';
import { MessageReader } from '../grpc/message-reader.ts';
import { FrameReader, type Frame, type FrameReceiver } from '../http2/frame-reader.ts';
import { clientPreface, flags, frameHeaderBytes, frameTypes, settingIds } from '../http2/frame-types.ts';
import { headersFrame, settingsAnswer, settingsFrame, windowUpdateFrame, writeFrameHeader } from '../http2/frames.ts';
import { encodeHeaders } from '../http2/hpack/encode-headers.ts';
import { typeUrls } from '../stream/type-rules.ts';
import { MadeUpSocket } from './made-up-socket.ts';

/** What a proxy was sent: versions by name, by type. */
export type Held = Map<string, Record<string, string>>;

export interface MadeUpProxyOptions {
  readonly node: Node;
  /** Whose endpoints it asks for. */
  readonly clusters: readonly string[];
  /** Absent: it connects for the first time. */
  readonly held?: Held | undefined;
  /** Runs what a network would bring later. */
  readonly later: (event: () => void) => void;
}

const streamId = 1;
const prefixBytes = 5;
const windowBytes = 2 ** 30;
const routes = ['80'];
const preface = Buffer.from(clientPreface, 'latin1');
const requestHeaders = {
  ':method': 'POST',
  ':path': '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
  ':scheme': 'http',
  ':authority': 'rehearsal',
  te: 'trailers',
  'content-type': 'application/grpc',
};

export class MadeUpProxy implements FrameReceiver {
  readonly socket: MadeUpSocket;
  readonly held: Held;
  readonly node: Node;
  readonly #options: MadeUpProxyOptions;
  readonly #frames = new FrameReader();
  readonly #messages = new MessageReader(Infinity);
  #assignments = 0;

  constructor(options: MadeUpProxyOptions) {
    this.#options = options;
    this.node = options.node;
    this.held = options.held ?? new Map<string, Record<string, string>>();
    this.socket = new MadeUpSocket({ later: options.later, receive: (bytes) => this.#frames.push(bytes, this) });
    // A server's frames come without a preface; the reader is that of the server.
    this.#frames.push(preface, this);
  }

  /** That it was sent. */
  get assignments(): number {
    return this.#assignments;
  }

  /** Connects, asks, and says what it holds when there is anything. */
  begin(): void {
    const settings = settingsFrame([[settingIds.initialWindowSize, windowBytes]]);
    const headers = headersFrame(streamId, encodeHeaders(requestHeaders), false);
    this.#send(Buffer.concat([preface, settings, windowUpdateFrame(0, windowBytes), headers]));
    const { node, held } = this;
    const { clusters } = this.#options;
    this.#ask({ node, typeUrl: typeUrls.cluster, initialResourceVersions: held.get(typeUrls.cluster) ?? {} });
    if (held.size === 0) {
      this.#ask({ typeUrl: typeUrls.listener });
      return;
    }
    for (const [typeUrl, initialResourceVersions] of held) {
      if (typeUrl === typeUrls.cluster) continue;
      this.#ask({ typeUrl, resourceNamesSubscribe: namesOf(typeUrl, clusters), initialResourceVersions });
    }
  }

  takeFrame({ type, flags: frameFlags, payload }: Frame): undefined {
    if (type === frameTypes.settings && (frameFlags & flags.ack) === 0) this.#send(settingsAnswer());
    if (type !== frameTypes.data || payload.length === 0) return;
    this.#send(windowUpdateFrame(0, payload.length));
    this.#messages.push(payload, (message) => {
      this.#answer(decode<DeltaDiscoveryResponse>(DeltaDiscoveryResponse, message));
      return true;
    });
  }

  #answer({ typeUrl = '', nonce = '', resources = [] }: DeltaDiscoveryResponse): void {
    this.#ask({ typeUrl, responseNonce: nonce });
    if (typeUrl === typeUrls.endpoint) this.#assignments += resources.length;
    const next = this.held.has(typeUrl) ? undefined : followedBy.get(typeUrl);
    const versions = this.held.get(typeUrl) ?? {};
    for (const { name = '', version = '' } of resources) versions[name] = version;
    this.held.set(typeUrl, versions);
    if (next === undefined) return;
    this.#ask({ typeUrl: next, resourceNamesSubscribe: namesOf(next, this.#options.clusters) });
  }

  #ask(request: DeltaDiscoveryRequest): void {
    const message = encode<DeltaDiscoveryRequest>(DeltaDiscoveryRequest, request);
    const length = prefixBytes + message.length;
    const bytes = Buffer.alloc(frameHeaderBytes + length);
    writeFrameHeader(bytes, 0, { length, type: frameTypes.data, flags: 0, streamId });
    bytes.writeUInt32BE(message.length, frameHeaderBytes + 1);
    bytes.set(message, frameHeaderBytes + prefixBytes);
    this.#send(bytes);
  }

  #send(bytes: Buffer): void {
    this.#options.later(() => {
      if (!this.socket.destroyed) this.socket.push(bytes);
    });
  }
}

/** What a proxy asks for once it has the first answer of another type. */
const followedBy: ReadonlyMap<string, string> = new Map([
  [typeUrls.cluster, typeUrls.endpoint],
  [typeUrls.listener, typeUrls.route],
  [typeUrls.route, typeUrls.virtualHost],
]);

/** Listeners and virtual hosts are sent without being asked for by name. */
function namesOf(typeUrl: string, clusters: readonly string[]): string[] {
  if (typeUrl === typeUrls.endpoint) return [...clusters];
  return typeUrl === typeUrls.route ? [...routes] : [];
}
