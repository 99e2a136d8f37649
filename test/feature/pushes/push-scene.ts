// A whole instance on a directory with four connected proxies, and what each of them is sent because of one edit. Behind every edit
// comes one that all of them are told of, so that nothing sent is a result too.

import { struct } from '../../../server/generate/well-known-types.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import type { WireResponse } from '../../bench/fleet/delta-wire.ts';
import { ReferenceReader } from '../../bench/fleet/references.ts';
import { Sidecar } from '../../bench/fleet/sidecar.ts';
import { openDirectory, type BenchRegistry } from '../../bench/registry.ts';
import type { TestObject } from '../../support/kube-api.ts';
import {
  namespaceManifest,
  podManifest,
  policyManifest,
  serviceManifest,
  sliceManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';

/** By proxy, a line a message: its type, and the names of its resources in order; a removed one behind a minus. */
export type Messages = Readonly<Record<string, readonly string[]>>;

const shortTypes = new Map<string, string>([
  [typeUrls.cluster, 'CDS'],
  [typeUrls.endpoint, 'EDS'],
  [typeUrls.listener, 'LDS'],
  [typeUrls.route, 'RDS'],
  [typeUrls.virtualHost, 'VHDS'],
]);

const proxies: readonly Readonly<Record<'name' | 'namespace' | 'type' | 'address' | 'app', string>>[] = [
  { name: 'web', namespace: 'sample', type: 'sidecar', address: '10.1.0.1', app: 'web' },
  { name: 'cart', namespace: 'sample', type: 'sidecar', address: '10.1.0.2', app: 'cart' },
  { name: 'far', namespace: 'other', type: 'sidecar', address: '10.1.0.4', app: 'far' },
  { name: 'edge', namespace: 'sample', type: 'router', address: '10.1.0.5', app: 'edge' },
];

const marker = 'outbound|80||marker.sample.svc.cluster.local';

export class PushScene implements AsyncDisposable {
  readonly #registry: BenchRegistry;
  readonly #instance: ServeProcess;
  readonly #sidecars: Sidecar[] = [];
  readonly #messages = new Map<string, string[]>();
  /** By proxy: how often it was told of the marker. */
  readonly #markers = new Map<string, number>();
  #marks = 0;

  private constructor(registry: BenchRegistry, instance: ServeProcess) {
    this.#registry = registry;
    this.#instance = instance;
  }

  static async open(): Promise<PushScene> {
    const registry = await openDirectory();
    await registry.write(...baseManifests().map(asObject));
    const instance = await startServe({
      argv: ['--cluster-id', 'cluster-1', '--network', 'network1', ...registry.argv],
    });
    const scene = new PushScene(registry, instance);
    for (const proxy of proxies) await scene.#connect(proxy);
    await scene.#mark();
    scene.#messages.clear();
    return scene;
  }

  /** What is sent because of the objects, written one after the other. */
  async write(...objects: readonly Manifest[]): Promise<Messages> {
    await this.#registry.write(...objects.map(asObject));
    return this.#sent();
  }

  /** `sends`: somebody is sent something when they go, and is waited for; a directory looks twice before it believes that a file has gone. */
  async remove(objects: readonly Manifest[], sends = true): Promise<Messages> {
    await this.#registry.remove(...objects.map(asObject));
    if (sends) await waitFor(() => this.#messages.size > 0, Boolean, { what: 'anybody to be sent something' });
    return this.#sent();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const sidecar of this.#sidecars) sidecar.close();
    await this.#instance[Symbol.asyncDispose]();
    await this.#registry[Symbol.asyncDispose]();
  }

  async #sent(): Promise<Messages> {
    // A marker may be read before the edit, or with it, and then come first; and what they ask for because of it comes behind it: until
    // two have come alone.
    for (let count = -1, alone = 0; alone < 2;) {
      await this.#mark();
      alone = count === this.#count() ? alone + 1 : 0;
      count = this.#count();
    }
    const sent = Object.fromEntries([...this.#messages].map(([name, lines]) => [name, lines.toSorted()]));
    this.#messages.clear();
    return sent;
  }

  #count(): number {
    return [...this.#messages.values()].reduce((sum, { length }) => sum + length, 0);
  }

  async #mark(): Promise<void> {
    this.#marks += 1;
    const before = new Map(this.#markers);
    await this.#registry.write(
      asObject(sliceManifest('marker', 'marker', [`10.9.${String(this.#marks >> 8)}.${String(this.#marks & 255)}`])),
    );
    await waitFor(
      () => proxies.every(({ name }) => (this.#markers.get(name) ?? 0) > (before.get(name) ?? 0)),
      Boolean,
      { what: 'every proxy to be told of the marker' },
    );
  }

  async #connect({ name, namespace, type, address, app }: (typeof proxies)[number]): Promise<void> {
    const sidecar = new Sidecar({
      address: this.#instance.xds,
      node: {
        id: `${type}~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`,
        metadata: struct({ CLUSTER_ID: 'cluster-1', NETWORK: 'network1', NAMESPACE: namespace, LABELS: { app } }),
      },
      references: new ReferenceReader(),
      onResponse: (_sidecar, response) => this.#take(name, response),
      onEnd: (reason) => {
        throw new Error(`the stream of ${name} ended: ${reason}`);
      },
    });
    this.#sidecars.push(sidecar);
    sidecar.open();
    await waitFor(() => sidecar.complete, Boolean, { what: `${name} to be served` });
  }

  #take(proxy: string, { typeUrl, resources, removed }: WireResponse): void {
    if (resources.some(({ name }) => name === marker)) this.#markers.set(proxy, (this.#markers.get(proxy) ?? 0) + 1);
    const names = [...resources.map(({ name }) => name), ...removed.map((name) => `-${name}`)];
    const others = names.filter((name) => name !== marker).toSorted();
    if (others.length === 0) return;
    const short = shortTypes.get(typeUrl);
    if (short === undefined) throw new Error(`${proxy} was sent a ${typeUrl}`);
    const lines = this.#messages.get(proxy) ?? [];
    lines.push(`${short} ${others.join(', ').replaceAll('.svc.cluster.local', '')}`);
    this.#messages.set(proxy, lines);
  }
}

function asObject(manifest: Manifest): TestObject {
  return manifest as unknown as TestObject;
}

function baseManifests(): readonly Manifest[] {
  const service = (name: string, last: number, namespace = 'sample'): Manifest =>
    serviceManifest(
      name,
      { clusterIP: `10.0.0.${String(last)}`, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
      { namespace },
    );
  return [
    namespaceManifest('sample'),
    namespaceManifest('other'),
    service('web', 1),
    service('cart', 2),
    service('marker', 3),
    service('far', 4, 'other'),
    ...proxies.map(({ name, address, app, namespace }) => podManifest(name, address, app, { namespace })),
    sliceManifest('web', 'web', ['10.1.0.1']),
    sliceManifest('cart', 'cart', ['10.1.0.2']),
    sliceManifest('far', 'far', ['10.1.0.4'], { namespace: 'other' }),
    sliceManifest('marker', 'marker', ['10.9.0.0']),
    // Without a Gateway that selects it a gateway is sent nothing.
    policyManifest('Gateway', 'marker', {
      selector: { app: 'edge' },
      servers: [{ port: { number: 9000, name: 'http', protocol: 'HTTP' }, hosts: ['marker.example.com'] }],
    }),
    policyManifest('VirtualService', 'marker', {
      hosts: ['marker.example.com'],
      gateways: ['marker'],
      http: [{ route: [{ destination: { host: 'marker' } }] }],
    }),
  ];
}
