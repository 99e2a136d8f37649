// Keeps one feed equal to what the API server has, for ever: lists (streaming where the server can, else by pages), watches,
// resumes, lists again when it must, and waits longer after each failure in a row. In: answers of the API server. Out: sightings
// of objects, and how the feed is doing.

import type { ApiDiscovery } from './api-discovery.ts';
import type { Random } from './back-off.ts';
import type { Clock } from './clock.ts';
import { forbiddenProblem } from './feed-problems.ts';
import { FeedHealth } from './feed-health.ts';
import { describeFeed, feedPath, feedSelectors, feedTypeMeta, type Feed } from './feeds.ts';
import { KindAbsence } from './kind-absence.ts';
import type { KubeClient } from './kube-client.ts';
import { connectionError, KubeError } from './kube-error.ts';
import { LineSplitter, type StreamLine } from './line-splitter.ts';
import type { Outbox } from './outbox.ts';
import { OversizedObjects } from './oversized-objects.ts';
import { PagedList } from './paged-list.ts';
import { Pause } from './pause.ts';
import { Retry } from './retry.ts';
import type { KubeTimings } from './timings.ts';
import type { Sighting, ToldObjects } from './told-objects.ts';
import { parseWatchEvent } from './watch-event.ts';
import { guardWatch, type WatchState } from './watch-guard.ts';
import { WatchPosition } from './watch-position.ts';

export interface ReflectorOptions {
  readonly feed: Feed;
  readonly index: number;
  readonly client: KubeClient;
  readonly discovery: ApiDiscovery;
  readonly told: ToldObjects;
  readonly outbox: Outbox;
  readonly timings: KubeTimings;
  readonly clock: Clock;
  readonly random: Random;
  /** The server is heard by some feed at this moment. */
  readonly isReachable: () => boolean;
  /** Called whenever `alive`, `settled` or the last error may have changed. */
  readonly onChange: () => void;
}

/** Optional kinds that fail this often in a row, while others are heard, are not waited for. */
const failuresUntilSettled = 3;
/** A watch that ends sooner without an event counts as a failure, or a broken server would be asked without a pause. */
const shortestWatchMs = 1_000;

export class Reflector {
  readonly feed: Feed;
  readonly health: FeedHealth;
  readonly #options: ReflectorOptions;
  #version: string | undefined;
  #list = 0;
  #canStreamList = true;
  /** In a row, while other feeds were heard: the fault is this kind's and not the server's. */
  #ownFailures = 0;
  readonly #position: WatchPosition;
  readonly #oversized: OversizedObjects;
  readonly #pagedList: PagedList;
  readonly #retry: Retry;
  readonly #absence: KindAbsence;
  #current: AbortController | undefined;
  readonly #pause: Pause;

  constructor(options: ReflectorOptions) {
    this.feed = options.feed;
    this.#options = options;
    const { feed, index, told, outbox, client, timings, clock, random, onChange } = options;
    this.health = new FeedHealth({ feed, clock, countObjects: () => told.count(index), onChange });
    this.#retry = new Retry(timings, random);
    this.#pause = new Pause(clock);
    this.#absence = new KindAbsence({ timings, clock, random });
    this.#position = new WatchPosition({ timings, clock, random });
    const { pageSize, maxPageBytes, maxObjectBytes } = timings;
    this.#oversized = new OversizedObjects({ feed, told, outbox, maxObjectBytes });
    this.#pagedList = new PagedList({ client, pageSize, maxPageBytes });
  }

  /** Ends the open request; it is made again like after any failure. */
  cut(error: KubeError): void {
    this.#current?.abort(error);
  }

  /** The server was heard elsewhere: a pause that its silence brought about ends, and the next ones are short again. */
  tryAgain(): void {
    if (this.#pause.endEarly()) this.#retry.heard();
  }

  /** Resolves when the signal has aborted and nothing is open any more. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const controller = new AbortController();
      const onAbort = (): void => controller.abort(signal.reason);
      signal.addEventListener('abort', onAbort);
      this.#current = controller;
      let waitMs = 0;
      let failure: KubeError | undefined;
      try {
        waitMs = await this.#follow(controller);
      } catch (error) {
        failure = connectionError(error);
        if (!signal.aborted) waitMs = this.#fail(failure);
      } finally {
        this.#current = undefined;
        controller.abort();
        signal.removeEventListener('abort', onAbort);
      }
      await this.#pause.take(waitMs, failure, signal);
    }
    this.health.stopped();
  }

  /** One list and watch, or one watch, until it ends. Returns how long to wait before the next. */
  async #follow(controller: AbortController): Promise<number> {
    const { discovery, feed } = this.#options;
    const { signal } = controller;
    const mustList = this.#position.isListDue;
    if (mustList || this.#version === undefined) {
      this.#version = await discovery.versionOf(feed.kind, signal);
      this.health.served(this.#version);
      if (this.#version === undefined) return this.#absent();
    }
    this.#absence.served();
    if (mustList && !this.#canStreamList) await this.#listPages(signal);
    await this.#watch(controller, mustList && this.#canStreamList);
    return 0;
  }

  #absent(): number {
    const { told, index, discovery, feed } = this.#options;
    this.#absence.denied();
    this.#position.lose();
    this.health.absent();
    this.#retry.heard();
    this.#report(undefined);
    if (told.count(index) === 0 || this.#absence.isBelieved) {
      this.#list += 1;
      told.endList(this.#sighting());
      this.health.settle();
      return this.#absence.believedWaitMs();
    }
    discovery.forget(feed.kind.group);
    return this.#absence.doubtedWaitMs();
  }

  async #listPages(signal: AbortSignal): Promise<void> {
    let resourceVersion: string | undefined;
    for await (const page of this.#pagedList.pages(this.#path(), feedSelectors(this.feed), signal)) {
      this.health.heard();
      if (resourceVersion === undefined) this.#beginList();
      // Items of a list don't say what they are.
      const typeMeta = feedTypeMeta(this.feed, this.#version ?? '');
      for (const item of page.items) this.#seen({ ...typeMeta, ...item });
      resourceVersion = page.resourceVersion;
      if (signal.aborted) throw connectionError(signal.reason);
    }
    this.#endList(resourceVersion ?? '');
  }

  async #watch(controller: AbortController, isList: boolean): Promise<void> {
    const { client, clock, timings, random } = this.#options;
    const { signal } = controller;
    const timeoutSeconds = Math.ceil((timings.watchMs * (1 + random())) / 1000);
    const query = new URLSearchParams({
      ...feedSelectors(this.feed),
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(timeoutSeconds),
      ...(isList
        ? { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }
        : { resourceVersion: this.#position.resourceVersion ?? '' }),
    });
    const stream = await client.openStream(`${this.#path()}?${query.toString()}`, signal);
    this.health.count('watches');
    this.health.heard();
    if (!isList) this.#position.requireSameServer(client.answeredBy);
    if (isList) this.#beginList();
    else this.#follows('watching');
    const openedAtMs = clock.now();
    const eventsBefore = this.health.counts.events;
    const state: WatchState = { isListing: isList, isRelistDue: false };
    const stop = new AbortController();
    const guarded = guardWatch(
      {
        controller,
        state,
        lastHeardAtMs: () => this.health.lastHeardAtMs,
        relistAtMs: () => this.#position.relistAtMs,
        timings,
        clock,
      },
      stop.signal,
    );
    try {
      const lines = new LineSplitter({
        maxLineBytes: timings.maxObjectBytes,
        onLine: (line) => {
          if (!signal.aborted) this.#line(line, state);
        },
      });
      await stream.read((piece) => {
        this.health.heard();
        lines.push(piece);
      });
      lines.end();
    } catch (error) {
      if (!state.isRelistDue) throw error;
    } finally {
      stop.abort();
      await guarded;
    }
    if (state.isRelistDue) return;
    if (signal.aborted) throw connectionError(signal.reason);
    if (state.isListing) throw new KubeError('malformed', 'the API server ended a list before it was complete');
    const isShort = clock.now() - openedAtMs < shortestWatchMs && this.health.counts.events === eventsBefore;
    if (isShort) throw new KubeError('unreachable', 'the API server ends each watch at once');
    this.#retry.advanced();
  }

  #line(line: StreamLine, state: WatchState): void {
    if (line.kind === 'oversized') {
      this.health.count('oversized');
      this.#oversized.found(line.beginning, this.#sighting());
      return;
    }
    const event = parseWatchEvent(line.text);
    if (event.type === 'error') throw event.error;
    this.#retry.heard();
    if (event.type === 'bookmark' && event.endsList && state.isListing) {
      state.isListing = false;
      this.#endList(event.resourceVersion);
      return;
    }
    if (!state.isListing) this.#advance(event.resourceVersion);
    if (event.type === 'bookmark') return;
    this.health.count('events');
    if (event.type === 'changed') this.#seen(event.object);
    else this.#options.told.gone(event.object, this.#options.index);
  }

  #advance(resourceVersion: string): void {
    if (resourceVersion === '') return;
    this.#position.advance(resourceVersion);
    this.#retry.advanced();
  }

  #seen(object: Readonly<Record<string, unknown>>): void {
    this.#options.told.seen(object, this.#sighting());
    this.#oversized.read(object);
  }

  #beginList(): void {
    this.#list += 1;
    this.#oversized.beginList();
    this.#position.beginList(this.#options.client.answeredBy);
    this.#follows('listing');
  }

  #endList(resourceVersion: string): void {
    this.health.count('lists');
    this.#retry.heard();
    this.#position.endList(resourceVersion);
    if (this.#oversized.listTellsAll) this.#options.told.endList(this.#sighting());
    this.#oversized.endList();
    this.#follows('watching');
    this.health.settle();
  }

  #follows(phase: 'listing' | 'watching'): void {
    this.#ownFailures = 0;
    this.#report(undefined);
    this.health.follows(phase);
  }

  /** Takes note of a failure. Returns how long to wait before the next try. */
  #fail(error: KubeError): number {
    const { discovery, feed } = this.#options;
    if (error.code === 'unsupported' && this.#canStreamList) {
      this.#canStreamList = false;
      return 0;
    }
    const waitMs = this.#retry.failed(error);
    const { failures } = this.#retry;
    // The same place in the stream that fails again and again is left by listing.
    if (error.code === 'expired' || (error.code === 'malformed' && failures % 3 === 0)) this.#position.lose();
    this.#position.failed(error);
    if (error.code === 'absent' && feed.kind.installable) {
      discovery.forget(feed.kind.group);
      this.#version = undefined;
    }
    const { isForbidden } = this.#retry;
    if (isForbidden) this.#report(error);
    // What answers next may be another server.
    if (error.code === 'unreachable') this.#canStreamList = true;
    if (this.#options.isReachable()) this.#ownFailures += 1;
    const isHopeless = isForbidden || (error.code !== 'forbidden' && this.#ownFailures >= failuresUntilSettled);
    this.health.failed(error, isHopeless && !feed.kind.required);
    return waitMs;
  }

  #report(error: KubeError | undefined): void {
    const problems = error === undefined ? [] : [forbiddenProblem(this.feed, error)];
    this.#options.outbox.report(`feed ${describeFeed(this.feed)}`, problems);
  }

  /** Where an object is seen at this moment. */
  #sighting(): Sighting {
    return { feed: this.#options.index, list: this.#list };
  }

  #path(): string {
    return feedPath(this.feed, this.#version ?? '');
  }
}
