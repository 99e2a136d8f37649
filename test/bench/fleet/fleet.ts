// Many simulated sidecars in one process: connects them, waits until they have what they asked for or have seen a
// change, and adds up what they counted.

import { createSecureContext } from 'node:tls';
import type { Node } from '../../../proto/generated/envoy.config.core.v3.ts';
import { struct } from '../../../server/generate/well-known-types.ts';
import type { WireResponse } from './delta-wire.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import type { ChangeFollower, Progress } from '../churn/change-follower.ts';
import { ReferenceReader } from './references.ts';
import { Sidecar, type Counts, type SidecarTls } from './sidecar.ts';

export interface FleetTarget {
  /** `HOST:PORT`. */
  readonly address: string;
  /** Absent: plaintext. PEM texts. */
  readonly tls?:
    { readonly roots: string; readonly chain: string; readonly key: string; readonly serverName: string } | undefined;
}

export interface FleetOptions extends FleetTarget {
  readonly count: number;
  /** Names and addresses are counted from here: those of fleets side by side differ. */
  readonly first?: number | undefined;
  readonly namespace: string;
  /** More than one: the sidecars are in that many, in turn, named after `namespace`. */
  readonly namespaces?: number | undefined;
  /** With `namespaces` and TLS: the certificates of a proxy in each, in turn, for the same key. */
  readonly chains?: readonly string[] | undefined;
  readonly clusterId: string;
  readonly network: string;
}

/** Times in milliseconds of the machine's monotonic clock, which all processes share. */
export interface Sighting {
  readonly firstMs: number;
  readonly lastMs: number;
  /** Of every sidecar, in the order of seeing. */
  readonly eachMs: readonly number[];
}

const patienceMs = 180_000;

/** What Envoy offers unless it is configured otherwise. Node would offer a larger exchange, whose keys servers keep for the connection. */
const envoysGroups = 'X25519:P-256';

export class Fleet {
  readonly #sidecars: readonly Sidecar[];
  readonly #failures: string[] = [];
  #wake: (() => void) | undefined;
  #lastResponseMs = 0;
  #marker: Buffer | undefined;
  #follower: ChangeFollower | undefined;
  readonly #carries = new Map<string, boolean>();
  readonly #seen = new Map<Sidecar, number>();
  /** Since they were looked at. */
  readonly #answered = new Set<Sidecar>();

  constructor(options: FleetOptions) {
    const { address, tls } = options;
    const references = new ReferenceReader();
    const chains = options.chains ?? (tls === undefined ? [] : [tls.chain]);
    const secure = tls === undefined ? [] : chains.map((chain) => sidecarTls({ ...tls, chain }));
    this.#sidecars = Array.from(
      { length: options.count },
      (_, index) =>
        new Sidecar({
          address,
          tls: secure[((options.first ?? 0) + index) % Math.max(1, secure.length)],
          node: nodeOf((options.first ?? 0) + index, options),
          references,
          onResponse: (sidecar, response) => {
            this.#responded(sidecar, response);
            this.#follow(index, response);
          },
          onEnd: (reason) => {
            this.#failures.push(reason);
            this.#wake?.();
          },
        }),
    );
  }

  /** Opens all streams at once. Resolves when each has everything it asked for, with how long each took. */
  async connect(): Promise<readonly number[]> {
    const startMs = monotonicMs();
    const tookMs = new Map<Sidecar, number>();
    for (const sidecar of this.#sidecars) sidecar.open();
    await this.#until(() => {
      const atMs = monotonicMs();
      for (const sidecar of this.#answered) {
        if (!tookMs.has(sidecar) && sidecar.complete) tookMs.set(sidecar, atMs - startMs);
      }
      this.#answered.clear();
      return tookMs.size === this.#sidecars.length;
    }, 'every sidecar to be served');
    return [...tookMs.values()];
  }

  /** Opens all streams at once and waits for nothing. */
  reopen(): void {
    for (const sidecar of this.#sidecars) sidecar.open();
  }

  close(): void {
    for (const sidecar of this.#sidecars) sidecar.close();
  }

  get first(): Sidecar {
    const [first] = this.#sidecars;
    if (first === undefined) throw new Error('the fleet is empty');
    return first;
  }

  get counts(): Counts {
    let [messages, bytes, resources, removed] = [0, 0, 0, 0];
    for (const { counts } of this.#sidecars) {
      messages += counts.messages;
      bytes += counts.bytes;
      resources += counts.resources;
      removed += counts.removed;
    }
    return { messages, bytes, resources, removed };
  }

  /** Every sidecar has everything it asked for. */
  get complete(): boolean {
    return this.#sidecars.every((sidecar) => sidecar.complete);
  }

  /** For each sidecar, how many resources it holds in whose names the text stands. */
  holders(text: string): readonly number[] {
    return this.#sidecars.map((sidecar) => sidecar.heldNames().filter((name) => name.includes(text)).length);
  }

  /** When the last response came; 0 before the first. */
  get lastResponseMs(): number {
    return this.#lastResponseMs;
  }

  /** From now on responses are searched for the text. */
  watch(marker: string): void {
    this.#seen.clear();
    this.#carries.clear();
    this.#marker = Buffer.from(marker);
  }

  /** Resolves when every sidecar has received the text since `watch`. */
  async seen(): Promise<Sighting> {
    await this.#until(() => this.#seen.size === this.#sidecars.length, 'every sidecar to see the change');
    this.#marker = undefined;
    const eachMs = [...this.#seen.values()];
    return { firstMs: eachMs[0] ?? 0, lastMs: eachMs.at(-1) ?? 0, eachMs };
  }

  /** From now on all responses are searched for numbered changes. */
  follow(follower: ChangeFollower): void {
    this.#follower = follower;
  }

  /** @throws Error when a stream has ended */
  followed(): Progress {
    if (this.#failures.length > 0) throw new Error(`a stream ended: ${String(this.#failures[0])}`);
    if (this.#follower === undefined) throw new Error('no changes are followed');
    return this.#follower.progress();
  }

  #follow(index: number, { typeUrl, resources }: WireResponse): void {
    if (this.#follower === undefined || typeUrl !== typeUrls.endpoint) return;
    for (const resource of resources) this.#follower.received(index, resource, this.#lastResponseMs);
  }

  #responded(sidecar: Sidecar, response: WireResponse): void {
    this.#lastResponseMs = monotonicMs();
    this.#answered.add(sidecar);
    if (this.#marker !== undefined && !this.#seen.has(sidecar) && this.#carriesMarker(response, this.#marker)) {
      this.#seen.set(sidecar, this.#lastResponseMs);
    }
    this.#wake?.();
  }

  /** Equal versions are equal bytes: searched once. */
  #carriesMarker({ resources }: WireResponse, marker: Buffer): boolean {
    return resources.some(({ version, body }) => {
      const carries = this.#carries.get(version) ?? body.includes(marker);
      this.#carries.set(version, carries);
      return carries;
    });
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    const timer = setTimeout(() => {
      this.#failures.push(`${patienceMs} ms passed`);
      this.#wake?.();
    }, patienceMs);
    try {
      while (!holds()) {
        if (this.#failures.length > 0) throw new Error(`waited for ${what}: ${String(this.#failures[0])}`);
        // Looked at once a turn of the event loop, however many responses the turn brings.
        await new Promise<void>((resolve) => {
          this.#wake = () => setImmediate(resolve);
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

export function sidecarTls({ roots, chain, key, serverName }: NonNullable<FleetTarget['tls']>): SidecarTls {
  const context = createSecureContext({ ca: roots, cert: chain, key, ecdhCurve: envoysGroups });
  return { context, serverName };
}

/** Milliseconds of the monotonic clock. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export function nodeOf(index: number, options: FleetOptions): Node {
  const { namespaces = 1, clusterId, network } = options;
  const namespace = namespaces === 1 ? options.namespace : `${options.namespace}-${index % namespaces}`;
  const name = `load-${index}`;
  const address = `10.${200 + Math.floor(index / 62_500)}.${Math.floor(index / 250) % 250}.${(index % 250) + 1}`;
  const app = `load-${index % 10}`;
  return {
    id: `sidecar~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `${app}.${namespace}`,
    userAgentName: 'envoy',
    metadata: struct({
      CLUSTER_ID: clusterId,
      NETWORK: network,
      NAMESPACE: namespace,
      SERVICE_ACCOUNT: 'default',
      ISTIO_VERSION: '1.28.0',
      MESH_ID: 'mesh',
      WORKLOAD_NAME: name,
      NAME: name,
      LABELS: { app, 'topology.istio.io/network': network },
      INSTANCE_IPS: address,
    }),
  };
}
