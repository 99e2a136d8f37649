// Publishes the roots of the mesh in every namespace of the primary, as ConfigMap `istio-ca-root-cert`, which Istio's pods mount.
// Written when a namespace appears, when the roots change, and when somebody deletes or alters one; else nothing is written.

import { objectKey } from '../../discovery/model/names.ts';
import type { KubernetesObject } from '../../discovery/model/kubernetes-object.ts';
import { backOffMs } from '../../discovery/source/kube/back-off.ts';
import { KubeError } from '../../discovery/source/kube/kube-error.ts';
import type { KubeTimings } from '../../discovery/source/kube/timings.ts';
import { fieldOf } from './kube-object.ts';
import type { Issuer } from '../../ca/issuer.ts';
import type { Log } from '../log.ts';
import { followObjects } from './followed-objects.ts';
import type { PrimaryClient } from './primary-client.ts';

export interface RootConfigMapsOptions {
  readonly client: PrimaryClient;
  readonly issuer: Pick<Issuer, 'material' | 'changes'>;
  readonly log: Log;
  /** Numbers from 0 up to 1. */
  readonly random: () => number;
  readonly timings?: Partial<KubeTimings> | undefined;
}

const name = 'istio-ca-root-cert';
const key = 'root-cert.pem';
const labels = Object.freeze({ 'istio.io/config': 'true' });
/** Istio leaves these out as well; `kube-system` is served, because node agents of a mesh live there. */
const ignoredNamespaces: ReadonlySet<string> = new Set(['kube-public', 'kube-node-lease', 'local-path-storage']);

/** Writes at once; an API server limits its clients. */
const maxWrites = 8;
/** What was just written takes this long to be heard of. */
const settleMs = 250;
const backOff = { firstMs: 500, longestMs: 60_000 };

interface Failed {
  readonly failures: number;
  readonly retryAtMs: number;
}

/** Until the signal aborts. */
export async function keepRootConfigMaps(options: RootConfigMapsOptions, signal: AbortSignal): Promise<void> {
  const { client, issuer, log, timings } = options;
  const keeper = new RootConfigMaps(options);
  const onReplaced = (): void => keeper.wake();
  issuer.changes.on('replaced', onReplaced);
  const writing = keeper.run(signal);
  try {
    await followObjects(
      {
        client,
        clock: client.clock,
        timings,
        followed: [
          { kind: 'Namespace', plural: 'namespaces' },
          { kind: 'ConfigMap', plural: 'configmaps', name },
        ],
        onTrouble: (reason) => {
          if (reason !== undefined)
            log.warn({ reason }, `namespaces and ConfigMaps ${name} are not followed at present`);
        },
        onChange: (objects) => {
          keeper.objects = objects;
          keeper.wake();
        },
      },
      signal,
    );
  } finally {
    issuer.changes.off('replaced', onReplaced);
    await writing;
  }
}

class RootConfigMaps {
  /** What the API server has; undefined until it is known completely. */
  objects: ReadonlyMap<string, KubernetesObject> | undefined;
  readonly #options: RootConfigMapsOptions;
  readonly #failed = new Map<string, Failed>();
  #wake = new AbortController();
  #complaint = '';

  constructor(options: RootConfigMapsOptions) {
    this.#options = options;
  }

  wake(): void {
    this.#wake.abort();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options.client;
    const onAbort = (): void => this.wake();
    signal.addEventListener('abort', onAbort, { once: true });
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const due = this.#due();
      await this.#write(due, signal);
      if (signal.aborted) break;
      if (due.length > 0) await clock.sleep(settleMs, signal);
      else await clock.sleep(this.#nextMs(), this.#wake.signal);
    }
    signal.removeEventListener('abort', onAbort);
  }

  /** Namespaces whose ConfigMap is not as it should be, in the order in which they are told. */
  #due(): readonly string[] {
    const { issuer, client } = this.#options;
    const nowMs = client.clock.now();
    const due: string[] = [];
    for (const { kind, metadata } of this.objects?.values() ?? []) {
      if (kind !== 'Namespace' || metadata.deleting === true || ignoredNamespaces.has(metadata.name)) continue;
      const found = this.objects?.get(objectKey('ConfigMap', metadata.name, name));
      if (found !== undefined && isGood(found, issuer.material.rootsPem)) this.#failed.delete(metadata.name);
      else if (nowMs >= (this.#failed.get(metadata.name)?.retryAtMs ?? 0)) due.push(metadata.name);
    }
    return due;
  }

  async #write(namespaces: readonly string[], signal: AbortSignal): Promise<void> {
    const queue = [...namespaces];
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined && !signal.aborted; next = queue.shift()) {
        await this.#apply(next, signal);
      }
    };
    await Promise.all(Array.from({ length: Math.min(maxWrites, queue.length) }, worker));
  }

  async #apply(namespace: string, signal: AbortSignal): Promise<void> {
    const { client, issuer, random, log } = this.#options;
    const configMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace, labels },
      data: { [key]: issuer.material.rootsPem },
    };
    const place = { apiVersion: 'v1', plural: 'configmaps', namespace };
    const written = await client.apply(place, configMap, signal);
    if (!(written instanceof KubeError)) {
      this.#failed.delete(namespace);
      log.info({ namespace }, `the roots were published in ConfigMap ${name}`);
      return;
    }
    if (signal.aborted) return;
    // Other namespaces are not kept waiting by one that is being deleted, or where something forbids it.
    const failures = (this.#failed.get(namespace)?.failures ?? 0) + 1;
    const waitMs = Math.max(backOffMs(backOff, failures, random), written.retryAfterMs ?? 0);
    this.#failed.set(namespace, { failures, retryAtMs: client.clock.now() + waitMs });
    const complaint = `${namespace}: ${written.message}`;
    if (complaint !== this.#complaint)
      log.warn({ namespace, reason: written.message }, `ConfigMap ${name} can't be written`);
    this.#complaint = complaint;
  }

  /** Until something that failed is tried again. */
  #nextMs(): number {
    const nowMs = this.#options.client.clock.now();
    const times = [...this.#failed].flatMap(([namespace, { retryAtMs }]) => {
      const stays = this.objects?.has(objectKey('Namespace', '', namespace)) === true;
      if (!stays) this.#failed.delete(namespace);
      return stays ? [retryAtMs] : [];
    });
    return Math.max(settleMs, Math.min(backOff.longestMs, ...times.map((atMs) => atMs - nowMs)));
  }
}

function isGood({ metadata, body }: KubernetesObject, rootsPem: string): boolean {
  const hasLabels = Object.entries(labels).every(([label, value]) => metadata.labels[label] === value);
  return hasLabels && fieldOf(body, 'data', key) === rootsPem;
}
