// An API server as a source of objects, followed for ever. In: how to reach it and what to read. Out: the same events as any
// source. Nothing here can write: there are only lists and watches. An outage withdraws nothing.

import type { Source, SourceBatch, SourceScope } from '../../model/source-event.ts';
import { ApiDiscovery } from './api-discovery.ts';
import { jittered, type Random } from './back-off.ts';
import { systemClock, type Clock } from './clock.ts';
import { ClusterAccess } from './cluster-access.ts';
import type { FeedStatus } from './feed-status.ts';
import { planFeeds, type Feed, type Narrowing } from './feeds.ts';
import { Interner } from './intern.ts';
import { nameOfKind } from './kube-kinds.ts';
import { KubeClient } from './kube-client.ts';
import type { Allowances, KubeCredentials } from './kube-config.ts';
import { KubeError } from './kube-error.ts';
import type { ObjectSightings } from './object-sightings.ts';
import { Outbox } from './outbox.ts';
import { Reflector } from './reflector.ts';
import { defaultTimings, type KubeTimings } from './timings.ts';
import { ToldObjects } from './told-objects.ts';

export interface KubeSourceOptions {
  readonly credentials: KubeCredentials;
  readonly scope: SourceScope;
  /** What the kubeconfig may do besides naming a server and inline credentials. */
  readonly allow?: Allowances | undefined;
  /** Where the mesh keeps its own objects. Default `istio-system`. */
  readonly systemNamespace?: string | undefined;
  /** Reads less than the whole cluster; filtered by the API server. */
  readonly narrowing?: Narrowing | undefined;
  readonly sightings?: ObjectSightings | undefined;
  readonly timings?: Partial<KubeTimings> | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** Runs a function once what has arrived in this turn of the event loop was read; `setImmediate` when left out. */
  readonly atEndOfTurn?: ((run: () => void) => void) | undefined;
}

export interface KubeSourceStatus {
  readonly description: string;
  readonly scope: SourceScope;
  /** Whether changes are heard of at this moment; undefined before the first attempt ended. */
  readonly connected: boolean | undefined;
  readonly synced: boolean;
  /** When anything last came from the API server, in milliseconds since the epoch. */
  readonly lastHeardAtMs?: number | undefined;
  /** When the API server last told a change. */
  readonly lastEventAtMs?: number | undefined;
  /** Why it is not connected. */
  readonly error?: string | undefined;
  readonly objects: number;
  readonly feeds: readonly FeedStatus[];
}

const maxBatch = 1_000;
const maxProblems = 1_000;
const maxProbeBytes = 4 * 1024 * 1024;

export class KubeSource implements Source {
  readonly description: string;
  readonly scope: SourceScope;
  readonly #options: KubeSourceOptions;
  readonly #timings: KubeTimings;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #feeds: readonly Feed[];
  #reflectors: readonly Reflector[] = [];
  #outbox: Outbox | undefined;
  #connected: boolean | undefined;
  #synced = false;
  #reason: string | undefined;
  #lastHeardAtMs: number | undefined;

  constructor(options: KubeSourceOptions) {
    this.#options = options;
    this.scope = options.scope;
    this.description = describe(options.credentials);
    this.#timings = { ...defaultTimings, ...options.timings };
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#feeds = planFeeds(options.scope, options.systemNamespace ?? 'istio-system', options.narrowing);
  }

  status(): KubeSourceStatus {
    const feeds = this.#reflectors.map((reflector) => reflector.health.status());
    const eventTimes = feeds.flatMap(({ lastEventAtMs }) => (lastEventAtMs === undefined ? [] : [lastEventAtMs]));
    return {
      description: this.description,
      scope: this.scope,
      connected: this.#connected,
      synced: this.#synced,
      lastHeardAtMs: this.#lastHeardAtMs,
      lastEventAtMs: eventTimes.length === 0 ? undefined : Math.max(...eventTimes),
      error: this.#connected === false ? this.#reason : undefined,
      objects: feeds.reduce((sum, { objects }) => sum + objects, 0),
      feeds,
    };
  }

  /** Rejects only with what `deliver` throws. */
  async run(deliver: (batch: SourceBatch) => void, signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    let failure: { readonly error: unknown } | undefined;
    const outbox = new Outbox({
      deliver,
      maxBatch,
      maxProblems,
      atEndOfTurn: this.#options.atEndOfTurn,
      onFailure: (error) => {
        failure = { error };
        stop.abort();
      },
    });
    const onAbort = (): void => {
      outbox.close();
      stop.abort();
    };
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    const access = new ClusterAccess(this.#options.credentials, this.#options.allow);
    const client = new KubeClient({
      access,
      clock: this.#clock,
      connectTimeoutMs: this.#timings.connectTimeoutMs,
      answerTimeoutMs: this.#timings.answerTimeoutMs,
      onBytes: () => {
        this.#lastHeardAtMs = this.#clock.now();
      },
    });
    this.#begin(outbox, client);
    try {
      const feeds = this.#reflectors.map((reflector) => reflector.run(stop.signal));
      await Promise.all([...feeds, this.#probe(client, stop.signal)]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      outbox.close();
      access.close();
    }
    if (failure !== undefined) throw failure.error;
  }

  /** A new run is a new generation: everything is told again. */
  #begin(outbox: Outbox, client: KubeClient): void {
    const clock = this.#clock;
    const random = this.#random;
    const timings = this.#timings;
    this.#outbox = outbox;
    this.#connected = undefined;
    this.#synced = false;
    this.#reason = undefined;
    this.#lastHeardAtMs = undefined;
    const discovery = new ApiDiscovery({ client, clock, random, maxAgeMs: timings.rediscoverMs / 2 });
    const interner = new Interner();
    const origin = Object.freeze({ place: this.description });
    const { sightings } = this.#options;
    const told = new Map<string, ToldObjects>();
    for (const { kind } of this.#feeds) {
      const name = nameOfKind(kind);
      told.set(name, told.get(name) ?? new ToldObjects({ kind: name, outbox, interner, origin, sightings }));
    }
    this.#reflectors = this.#feeds.flatMap((feed, index) => {
      const objects = told.get(nameOfKind(feed.kind));
      if (objects === undefined) return [];
      const onChange = (): void => this.#consider();
      const isReachable = (): boolean => this.#reflectors.some(({ health }) => health.alive);
      return [
        new Reflector({
          feed,
          index,
          client,
          discovery,
          told: objects,
          outbox,
          timings,
          clock,
          random,
          isReachable,
          onChange,
        }),
      ];
    });
  }

  /** Tells what follows from how the feeds are doing: connected, disconnected, synced. */
  #consider(): void {
    const outbox = this.#outbox;
    if (outbox === undefined) return;
    if (this.#reflectors.some(({ health }) => health.alive)) {
      const isNews = this.#connected !== true;
      this.#connected = true;
      this.#reason = undefined;
      if (isNews) {
        outbox.push({ kind: 'connected' });
        // Each kind has its own pauses, of half a minute after a long outage: what one hears is news for all.
        for (const reflector of this.#reflectors) reflector.tryAgain();
      }
    } else {
      this.#considerLost(outbox);
    }
    if (this.#synced || this.#reflectors.some(({ health }) => !health.settled)) return;
    this.#synced = true;
    outbox.push({ kind: 'synced' });
  }

  /** The error of a required kind says more about the cluster than that of another. */
  #considerLost(outbox: Outbox): void {
    const failed = this.#reflectors.filter(({ health }) => health.lastError !== undefined);
    const telling = failed.find(({ feed }) => feed.kind.required) ?? failed[0];
    const reason = telling?.health.lastError?.message;
    if (reason === undefined) return;
    if (this.#connected !== false) outbox.push({ kind: 'disconnected', reason });
    else if (this.#reason !== reason) outbox.push({ kind: 'disconnected', reason });
    this.#connected = false;
    this.#reason = reason;
  }

  /**
   * When every watch is silent, asks for something small, and once more; without an answer all connections are made anew. An API
   * server that is only slow is heard on some watch meanwhile, or answers the second time.
   */
  async #probe(client: KubeClient, signal: AbortSignal): Promise<void> {
    const { probeMs } = this.#timings;
    while (!signal.aborted) {
      const silentMs = this.#silentMs();
      if (this.#connected !== true || silentMs < probeMs) {
        await this.#clock.sleep(jittered(Math.max(probeMs - silentMs, probeMs / 10), this.#random), signal);
        continue;
      }
      const heardAtMs = this.#lastHeardAtMs;
      let lost = await this.#ask(client, signal);
      if (lost !== undefined && this.#lastHeardAtMs === heardAtMs) lost = await this.#ask(client, signal);
      if (lost === undefined || this.#lastHeardAtMs !== heardAtMs) continue;
      if (!signal.aborted) for (const reflector of this.#reflectors) reflector.cut(lost);
      await this.#clock.sleep(jittered(probeMs, this.#random), signal);
    }
  }

  /** The error when there is no sign of life: any answer is one. */
  async #ask(client: KubeClient, signal: AbortSignal): Promise<KubeError | undefined> {
    const { probeTimeoutMs, answerTimeoutMs } = this.#timings;
    const timeoutMs = Math.min(probeTimeoutMs, answerTimeoutMs);
    try {
      await client.getJson('/api/v1/namespaces?limit=1&resourceVersion=0', {
        maxBytes: maxProbeBytes,
        signal,
        timeoutMs,
      });
    } catch (error) {
      if (error instanceof KubeError && (error.code === 'stalled' || error.code === 'unreachable')) return error;
    }
    return undefined;
  }

  #silentMs(): number {
    const now = this.#clock.now();
    return now - (this.#lastHeardAtMs ?? now);
  }
}

/** Names the place without a credential in it. */
function describe(credentials: KubeCredentials): string {
  if (credentials.kind === 'file') return `Kubernetes API by ${credentials.path}`;
  return credentials.kind === 'text' ? 'Kubernetes API by a kubeconfig' : 'Kubernetes API of this pod';
}
