// A gRPC client of the aggregated service that shows messages as they are, as Istio's agents and tools use it: TLS without
// looking at the certificate, a token in the header. In: an address. Out: streams.

import grpc from '@grpc/grpc-js';
import { loadIndependentDecoder, loadServices } from '../../../proto/loader.ts';

export interface AskedAny {
  readonly type_url: string;
  readonly value: Buffer;
}

export interface Response {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly versionInfo?: string;
  /** State of the world: an Any. Delta: named, with one. */
  readonly resources?: readonly (AskedAny & { readonly name?: string; readonly resource?: AskedAny })[];
  readonly removedResources?: readonly string[];
  readonly controlPlane?: { readonly identifier: string };
}

export interface AdsOptions {
  readonly address: string;
  readonly token?: string | undefined;
  readonly plaintext?: boolean | undefined;
  readonly delta?: boolean | undefined;
}

const patienceMs = 15_000;
const services = loadServices();
const decoder = loadIndependentDecoder();

/** The message in an Any, by a decoder that shares nothing with ours. */
export function decoded({ type_url: typeUrl, value }: AskedAny): object {
  return decoder(typeUrl, value);
}

/** Metadata of a node: texts, nested objects, as protobuf's JSON library would read them. */
export function struct(values: Readonly<Record<string, unknown>>): object {
  return { fields: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, valueOf(value)])) };
}

function valueOf(value: unknown): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'number') return { numberValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(valueOf) } };
  return { structValue: struct(value as Record<string, unknown>) };
}

export class AdsStream implements Disposable {
  readonly received: Response[] = [];
  ended: grpc.StatusObject | undefined;
  readonly #client: grpc.Client;
  readonly #call: grpc.ClientDuplexStream<object, Response>;
  #looked = 0;
  #wake: (() => void) | undefined;

  constructor({ address, token, plaintext = false, delta = false }: AdsOptions) {
    const channel = plaintext
      ? grpc.credentials.createInsecure()
      : grpc.credentials.createSsl(null, null, null, { rejectUnauthorized: false });
    this.#client = new services.aggregated.Client(address, channel, { 'grpc.use_local_subchannel_pool': 1 });
    const metadata = new grpc.Metadata();
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
    const method = delta ? 'DeltaAggregatedResources' : 'StreamAggregatedResources';
    const start = (this.#client as unknown as Record<string, unknown>)[method] as (
      metadata: grpc.Metadata,
    ) => grpc.ClientDuplexStream<object, Response>;
    this.#call = start.call(this.#client, metadata);
    this.#call.on('data', (response: Response) => {
      this.received.push(response);
      this.#wake?.();
    });
    this.#call.on('status', (status: grpc.StatusObject) => {
      this.ended = status;
      this.#wake?.();
    });
    this.#call.on('error', () => undefined);
  }

  send(request: object): void {
    this.#call.write(request);
  }

  /** The next response of any type. Rejects when the stream ends first. */
  async next(): Promise<Response> {
    for (;;) {
      const response = this.received[this.#looked];
      if (response !== undefined) {
        this.#looked += 1;
        return response;
      }
      if (this.ended !== undefined) throw new Error(`the stream ended: ${this.ended.details}`);
      await this.#something();
    }
  }

  /** The next response of the type; the others are passed over. */
  async nextOf(typeUrl: string): Promise<Response> {
    for (;;) {
      const response = await this.next();
      if (response.typeUrl === typeUrl) return response;
    }
  }

  async status(): Promise<grpc.StatusObject> {
    while (this.ended === undefined) await this.#something();
    return this.ended;
  }

  [Symbol.dispose](): void {
    this.#call.cancel();
    this.#client.close();
  }

  async #something(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(() => reject(new Error('nothing came from the server')), patienceMs);
    await promise.finally(() => clearTimeout(timer));
  }
}
