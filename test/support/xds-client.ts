// An xDS client of the four variants, on top of @grpc/proto-loader: it keeps what a client must keep (names for state of
// the world, nonces) and shows each response as names and labels, so that one test can be run with every variant.

import grpc from '@grpc/grpc-js';
import { type LoadedServices, type ServiceKey } from '../../proto/loader.ts';
import { typeUrls } from '../../server/stream/type-rules.ts';
import { readLabelled } from './labelled-resource.ts';

export interface Variant {
  readonly title: string;
  readonly delta: boolean;
  /** One stream for all types. */
  readonly aggregated: boolean;
}

export const variants: readonly Variant[] = [
  { title: 'sotw', delta: false, aggregated: false },
  { title: 'delta', delta: true, aggregated: false },
  { title: 'aggregated sotw', delta: false, aggregated: true },
  { title: 'aggregated delta', delta: true, aggregated: true },
];

export interface XdsResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  /** `version_info`; undefined in delta. */
  readonly version: string | undefined;
  /** Name to label. */
  readonly resources: Readonly<Record<string, string>>;
  readonly removed: readonly string[];
  /** Name to version; delta only. */
  readonly versions: Readonly<Record<string, string>>;
}

export interface XdsRequest {
  readonly typeUrl: string;
  readonly subscribe?: readonly string[];
  readonly unsubscribe?: readonly string[];
  /** Delta: `initial_resource_versions`. */
  readonly held?: Readonly<Record<string, string>>;
  /** State of the world: `version_info`. */
  readonly version?: string;
  readonly nonce?: string;
  readonly error?: string;
  /** Sent with the first request only, unless told otherwise; null sends none at all. */
  readonly node?: object | null;
}

/** Methods of the services for one type. */
const singleTypes: Readonly<Record<string, readonly [ServiceKey, string]>> = {
  [typeUrls.cluster]: ['cluster', 'Clusters'],
  [typeUrls.endpoint]: ['endpoint', 'Endpoints'],
  [typeUrls.listener]: ['listener', 'Listeners'],
  [typeUrls.route]: ['route', 'Routes'],
  [typeUrls.virtualHost]: ['virtualHost', 'VirtualHosts'],
  [typeUrls.secret]: ['secret', 'Secrets'],
};

interface RawResponse {
  readonly typeUrl?: string;
  readonly nonce?: string;
  readonly versionInfo?: string;
  readonly resources?: readonly RawResource[];
  readonly removedResources?: readonly string[];
}
/** The well-known types keep their names as they are in the .proto file. */
interface RawAny {
  readonly type_url?: string;
  readonly value?: Buffer;
}
interface RawResource extends RawAny {
  readonly name?: string;
  readonly version?: string;
  readonly resource?: RawAny;
}

/** How long a test waits for a response that never comes. */
const patienceMs = 15_000;

type Stream = grpc.ClientDuplexStream<object, RawResponse>;

/** One gRPC stream. */
export class XdsStream {
  readonly variant: Variant;
  /** Responses of all types, as they came. */
  readonly received: XdsResponse[] = [];
  /** Requests that were sent. */
  sent = 0;
  ended: grpc.StatusObject | undefined;
  readonly #call: Stream;
  readonly #client: grpc.Client;
  readonly #names = new Map<string, Set<string>>();
  readonly #taken = new Set<XdsResponse>();
  #wake: (() => void) | undefined;
  #failure: unknown;

  constructor(variant: Variant, client: grpc.Client, call: Stream) {
    this.variant = variant;
    this.#client = client;
    this.#call = call;
    call.on('data', (raw: RawResponse) => {
      try {
        this.received.push(normalise(raw, variant.delta));
      } catch (error) {
        this.#failure = error;
      }
      this.#wake?.();
    });
    call.on('status', (status: grpc.StatusObject) => {
      this.ended = status;
      this.#wake?.();
    });
    call.on('error', () => undefined);
  }

  send(request: XdsRequest): void {
    const { typeUrl, subscribe = [], unsubscribe = [], nonce, error } = request;
    const names = this.#names.get(typeUrl) ?? new Set<string>();
    this.#names.set(typeUrl, names);
    for (const name of unsubscribe) names.delete(name);
    for (const name of subscribe) names.add(name);
    const node = request.node === null ? undefined : (request.node ?? (this.sent === 0 ? { id: 'node' } : undefined));
    const common = {
      typeUrl,
      ...(node === undefined ? {} : { node }),
      ...(nonce === undefined ? {} : { responseNonce: nonce }),
      ...(error === undefined ? {} : { errorDetail: { code: 3, message: error } }),
    };
    this.sent += 1;
    this.#call.write(
      this.variant.delta
        ? {
            ...common,
            resourceNamesSubscribe: subscribe,
            resourceNamesUnsubscribe: unsubscribe,
            initialResourceVersions: request.held ?? {},
          }
        : { ...common, resourceNames: [...names], versionInfo: request.version ?? '' },
    );
  }

  /** The next response of the type that no other `next` took. Rejects when the stream ends first. */
  async next(typeUrl: string): Promise<XdsResponse> {
    for (;;) {
      const found = this.received.find((response) => response.typeUrl === typeUrl && !this.#taken.has(response));
      if (found !== undefined) {
        this.#taken.add(found);
        return found;
      }
      if (this.ended !== undefined) throw new Error(`the stream ended: ${this.ended.details}`);
      await this.#something();
    }
  }

  ack(response: XdsResponse): void {
    this.send({ typeUrl: response.typeUrl, nonce: response.nonce, version: response.version ?? '' });
  }

  nack(response: XdsResponse, error: string): void {
    this.send({ typeUrl: response.typeUrl, nonce: response.nonce, error });
  }

  /** The next response, accepted. */
  async accept(typeUrl: string): Promise<XdsResponse> {
    const response = await this.next(typeUrl);
    this.ack(response);
    return response;
  }

  async status(): Promise<grpc.StatusObject> {
    while (this.ended === undefined) await this.#something();
    return this.ended;
  }

  /** Responses that a test has looked at. */
  get taken(): number {
    return this.#taken.size;
  }

  /** Reads no more. */
  pause(): void {
    this.#call.pause();
  }

  close(): void {
    this.#call.cancel();
    this.#client.close();
  }

  async #something(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(() => reject(new Error('nothing came from the server')), patienceMs);
    await promise.finally(() => clearTimeout(timer));
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** Opens streams to one server. */
export class XdsClient {
  readonly #address: string;
  readonly #credentials: grpc.ChannelCredentials;
  readonly #services: LoadedServices;
  readonly #streams: XdsStream[] = [];

  constructor(address: string, services: LoadedServices, credentials = grpc.credentials.createInsecure()) {
    this.#address = address;
    this.#services = services;
    this.#credentials = credentials;
  }

  /** A stream of its own connection. `typeUrl` chooses the service when the variant is not aggregated. */
  open(
    variant: Variant,
    typeUrl: string,
    metadata = new grpc.Metadata(),
    options: grpc.ChannelOptions = {},
  ): XdsStream {
    const [key, plural] = variant.aggregated ? (['aggregated', 'AggregatedResources'] as const) : method(typeUrl);
    const client = new this.#services[key].Client(this.#address, this.#credentials, {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
      ...options,
    });
    const name = `${variant.delta ? 'Delta' : 'Stream'}${plural}`;
    const start = client[name] as unknown as (metadata: grpc.Metadata) => Stream;
    const stream = new XdsStream(variant, client, start.call(client, metadata));
    this.#streams.push(stream);
    return stream;
  }

  /** The unary method. */
  async fetch(typeUrl: string, request: object): Promise<XdsResponse> {
    const [key, plural] = method(typeUrl);
    const client = new this.#services[key].Client(this.#address, this.#credentials);
    const { promise, resolve, reject } = Promise.withResolvers<RawResponse>();
    const call = client[`Fetch${plural}`] as unknown as (
      request: object,
      done: (error: grpc.ServiceError | null, response: RawResponse) => void,
    ) => void;
    call.call(client, request, (error, response) => (error === null ? resolve(response) : reject(error)));
    try {
      return normalise(await promise, false);
    } finally {
      client.close();
    }
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
  }
}

function method(typeUrl: string): readonly [ServiceKey, string] {
  const found = singleTypes[typeUrl];
  if (found === undefined) throw new Error(`no service for ${typeUrl}`);
  return found;
}

function normalise(raw: RawResponse, delta: boolean): XdsResponse {
  const resources: Record<string, string> = {};
  const versions: Record<string, string> = {};
  for (const resource of raw.resources ?? []) {
    const any = delta ? (resource.resource ?? {}) : resource;
    const [name, label] = readLabelled(any.type_url ?? '', any.value ?? Buffer.alloc(0));
    if (name in resources) throw new Error(`${name} is twice in one response`);
    if (delta && resource.name !== name) throw new Error(`resource ${resource.name} has the name ${name}`);
    resources[name] = label;
    if (delta) versions[name] = resource.version ?? '';
  }
  return {
    typeUrl: raw.typeUrl ?? '',
    nonce: raw.nonce ?? '',
    version: delta ? undefined : (raw.versionInfo ?? ''),
    resources,
    removed: raw.removedResources ?? [],
    versions,
  };
}
