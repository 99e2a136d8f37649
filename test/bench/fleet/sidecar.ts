// One simulated Envoy: a delta ADS stream on a connection of its own. It asks for what it is told of, accepts every
// response, keeps the versions that it holds, and counts. It applies nothing.

import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import type { SecureContext } from 'node:tls';
import { encode } from '../../../proto/codec.ts';
import type { Node } from '../../../proto/generated/envoy.config.core.v3.ts';
import { DeltaDiscoveryRequest } from '../../../proto/generated/envoy.service.discovery.v3.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { MessageSplitter, prefixed, prefixOf, readDeltaResponse, type WireResponse } from './delta-wire.ts';
import type { ReferenceReader } from './references.ts';

export interface SidecarTls {
  readonly context: SecureContext;
  readonly serverName: string;
}

export interface SidecarOptions {
  /** `HOST:PORT`. */
  readonly address: string;
  readonly tls?: SidecarTls | undefined;
  readonly node: Node;
  readonly references: ReferenceReader;
  readonly onResponse: (sidecar: Sidecar, response: WireResponse) => void;
  /** The stream ended from the other side. */
  readonly onEnd: (reason: string) => void;
}

export interface Counts {
  readonly messages: number;
  /** Of messages, without gRPC's prefix and below. */
  readonly bytes: number;
  readonly resources: number;
  readonly removed: number;
}

const method = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const windowBytes = 4 * 1024 * 1024;
/** In the order in which Envoy asks for them again. */
const types = [typeUrls.cluster, typeUrls.endpoint, typeUrls.listener, typeUrls.route, typeUrls.virtualHost];
const none = new Uint8Array();
const named: ReadonlySet<string> = new Set([typeUrls.endpoint, typeUrls.route]);

export class Sidecar {
  readonly #options: SidecarOptions;
  /** By type; kept when the stream ends. */
  readonly #held = new Map<string, Map<string, string>>(types.map((type) => [type, new Map()]));
  readonly #asked = new Map<string, Set<string>>(types.map((type) => [type, new Set()]));
  readonly #answered = new Set<string>();
  /** What it asks for anew with what it holds, without the node; shared with the one that it was learned from. */
  #again: Map<string, Uint8Array> | undefined;
  #virtualHostsAsked = false;
  #session: ClientHttp2Session | undefined;
  #stream: ClientHttp2Stream | undefined;
  #messages = 0;
  #bytes = 0;
  #resources = 0;
  #removed = 0;

  constructor(options: SidecarOptions) {
    this.#options = options;
  }

  get counts(): Counts {
    return { messages: this.#messages, bytes: this.#bytes, resources: this.#resources, removed: this.#removed };
  }

  /** Of all types. */
  heldNames(): readonly string[] {
    return [...this.#held.values()].flatMap((held) => [...held.keys()]);
  }

  /** Everything that it asked for is there. */
  get complete(): boolean {
    if (!this.#answered.has(typeUrls.cluster) || !this.#answered.has(typeUrls.listener)) return false;
    if (this.#virtualHostsAsked && !this.#answered.has(typeUrls.virtualHost)) return false;
    for (const type of named) {
      if ((this.#held.get(type)?.size ?? 0) < (this.#asked.get(type)?.size ?? 0)) return false;
    }
    return true;
  }

  /** Holds from now on what another one holds, as its replica would. */
  learn(from: Sidecar): void {
    for (const [typeUrl, held] of from.#held) this.#held.set(typeUrl, held);
    for (const [typeUrl, asked] of from.#asked) this.#asked.set(typeUrl, asked);
    this.#virtualHostsAsked = from.#virtualHostsAsked;
    this.#again = from.#again ??= new Map();
  }

  /** Opens the stream; with what it holds from the stream before, as Envoy does. */
  open(): void {
    const { address, tls, node } = this.#options;
    const session = connect(`${tls === undefined ? 'http' : 'https'}://${address}`, {
      settings: { initialWindowSize: windowBytes, enablePush: false },
      ...(tls === undefined ? {} : { secureContext: tls.context, servername: tls.serverName }),
    });
    session.once('connect', () => session.setLocalWindowSize(windowBytes));
    const stream = session.request(
      { ':method': 'POST', ':path': method, 'content-type': 'application/grpc', te: 'trailers' },
      { endStream: false },
    );
    const ended = (reason: string): void => {
      if (this.#stream === stream) this.#ended(reason);
    };
    session.on('error', (error) => ended(error.message));
    const splitter = new MessageSplitter();
    stream.on('data', (chunk: Buffer) => {
      for (const message of splitter.push(chunk)) this.#receive(readDeltaResponse(message));
    });
    stream.on('error', (error) => ended(error.message));
    stream.on('trailers', (trailers) => ended(`grpc-status ${String(trailers['grpc-status'])}`));
    // A connection that is cut is no error to its streams.
    stream.on('close', () => ended('closed'));
    this.#session = session;
    this.#stream = stream;
    this.#answered.clear();
    this.#begin(node);
  }

  /** Ends the stream and keeps what it holds. */
  close(): void {
    this.#stream = undefined;
    this.#session?.destroy();
    this.#session = undefined;
  }

  #begin(node: Node): void {
    const holds = types.some((type) => (this.#held.get(type)?.size ?? 0) > 0);
    if (!holds) {
      this.#send({ typeUrl: typeUrls.cluster, node });
      this.#send({ typeUrl: typeUrls.listener });
      return;
    }
    for (const typeUrl of types) {
      if (typeUrl === typeUrls.virtualHost && !this.#virtualHostsAsked) continue;
      // The fields of a message may come in any order.
      const first =
        typeUrl === typeUrls.cluster ? encode<DeltaDiscoveryRequest>(DeltaDiscoveryRequest, { node }) : none;
      for (const part of this.#askedAgain(typeUrl, first)) this.#stream?.write(part);
    }
  }

  #holding(typeUrl: string): DeltaDiscoveryRequest {
    return {
      typeUrl,
      initialResourceVersions: Object.fromEntries(this.#held.get(typeUrl) ?? []),
      ...(named.has(typeUrl) ? { resourceNamesSubscribe: [...(this.#asked.get(typeUrl) ?? [])] } : {}),
    };
  }

  /** In parts; of a replica the second is encoded once, since a thousand of them would keep a processor busy. */
  #askedAgain(typeUrl: string, first: Uint8Array): readonly Uint8Array[] {
    const rest =
      this.#again?.get(typeUrl) ?? encode<DeltaDiscoveryRequest>(DeltaDiscoveryRequest, this.#holding(typeUrl));
    this.#again?.set(typeUrl, rest);
    return [Buffer.concat([prefixOf(first.length + rest.length), first]), rest];
  }

  /** Asks for endpoints of a cluster that does not exist: the answer says that it is served. */
  askForNothing(): void {
    this.#send({ typeUrl: typeUrls.endpoint, resourceNamesSubscribe: ['outbound|80||nothing.invalid'] });
  }

  #receive(response: WireResponse): void {
    const { typeUrl, resources, removed } = response;
    this.#messages += 1;
    this.#bytes += response.bytes;
    this.#resources += resources.length;
    this.#removed += removed.length;
    this.#answered.add(typeUrl);
    const held = this.#held.get(typeUrl);
    const endpoints: string[] = [];
    const routes: string[] = [];
    let virtualHosts = false;
    for (const name of removed) {
      held?.delete(name);
      if (typeUrl === typeUrls.cluster) this.#forget(typeUrls.endpoint, name);
    }
    for (const resource of resources) {
      held?.set(resource.name, resource.version);
      const references = this.#options.references.of(typeUrl, resource);
      endpoints.push(...references.endpoints);
      routes.push(...references.routes);
      virtualHosts ||= references.virtualHosts;
    }
    this.#send({ typeUrl, responseNonce: response.nonce });
    this.#ask(typeUrls.endpoint, endpoints);
    this.#ask(typeUrls.route, routes);
    if (virtualHosts && !this.#virtualHostsAsked) {
      this.#virtualHostsAsked = true;
      this.#send({ typeUrl: typeUrls.virtualHost });
    }
    this.#options.onResponse(this, response);
  }

  #ask(typeUrl: string, names: readonly string[]): void {
    const asked = this.#asked.get(typeUrl) ?? new Set();
    const fresh = names.filter((name) => !asked.has(name));
    for (const name of fresh) asked.add(name);
    if (fresh.length > 0) this.#send({ typeUrl, resourceNamesSubscribe: fresh });
  }

  /** Envoy unsubscribes from the endpoints of a cluster that is gone. */
  #forget(typeUrl: string, name: string): void {
    this.#held.get(typeUrl)?.delete(name);
    if (this.#asked.get(typeUrl)?.delete(name) === true) this.#send({ typeUrl, resourceNamesUnsubscribe: [name] });
  }

  #send(request: DeltaDiscoveryRequest): void {
    this.#stream?.write(prefixed(encode<DeltaDiscoveryRequest>(DeltaDiscoveryRequest, request)));
  }

  #ended(reason: string): void {
    this.close();
    this.#options.onEnd(reason);
  }
}
