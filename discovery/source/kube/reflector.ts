// Keeps one feed equal to what the API server has, for ever: lists (streaming where the server can, else by pages), watches,
// resumes, lists again when it must, and waits longer after each failure in a row. In: answers of the API server. Out: sightings
// of objects, and how the feed is doing.

import type { ApiDiscovery } from './api-discovery.ts';
import { backOffMs, jittered, type Random } from './back-off.ts';
import type { Clock } from './clock.ts';
import { forbiddenProblem, nameOversized, oversizedProblem } from './feed-problems.ts';
import { FeedHealth } from './feed-health.ts';
import { describeFeed, feedPath, type Feed } from './feeds.ts';
import type { KubeClient } from './kube-client.ts';
import { connectionError, KubeError } from './kube-error.ts';
import type { Outbox } from './outbox.ts';
import { LineSplitter, type StreamLine } from './line-splitter.ts';
import { PagedList } from './paged-list.ts';
import { Pause } from './pause.ts';
import { Retry } from './retry.ts';
import type { KubeTimings } from './timings.ts';
import { idOf, type ToldObjects } from './told-objects.ts';
import { parseWatchEvent } from './watch-event.ts';

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
  #cursor: string | undefined;
  /** Whose resource version that is. */
  #cursorOf: string | undefined;
  #list = 0;
  #relistAtMs = 0;
  #canStreamList = true;
  /** In a row, while other feeds were heard: the fault is this kind's and not the server's. */
  #ownFailures = 0;
  readonly #pagedList: PagedList;
  readonly #retry: Retry;
  #absentSinceMs: number | undefined;
  /** How often in a row the kind was not there. */
  #denials = 0;
  /** In the list under way something was too large, and could not even be named. */
  #listHasOversized = false;
  #listHasUnknown = false;
  /** The last object that was too large; its problem is shown until it was read. */
  #oversizedId: string | undefined;
  #current: AbortController | undefined;
  readonly #pause: Pause;

  constructor(options: ReflectorOptions) {
    this.feed = options.feed;
    this.#options = options;
    const { feed, index, told, client, timings, clock, random, onChange } = options;
    this.health = new FeedHealth({ feed, clock, countObjects: () => told.count(index), onChange });
    this.#retry = new Retry(timings, random);
    this.#pause = new Pause(clock);
    const { pageSize, maxPageBytes } = timings;
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
    const { clock, discovery, feed } = this.#options;
    const { signal } = controller;
    const mustList = this.#cursor === undefined || clock.now() >= this.#relistAtMs;
    if (mustList || this.#version === undefined) {
      this.#version = await discovery.versionOf(feed.kind, signal);
      this.health.served(this.#version);
      if (this.#version === undefined) return this.#absent();
    }
    this.#absentSinceMs = undefined;
    this.#denials = 0;
    if (mustList && !this.#canStreamList) await this.#listPages(signal);
    await this.#watch(controller, mustList && this.#canStreamList);
    return 0;
  }

  #absent(): number {
    const { clock, timings, random, told, index, discovery, feed } = this.#options;
    const now = clock.now();
    this.#absentSinceMs ??= now;
    this.#denials += 1;
    this.#cursor = undefined;
    this.health.absent();
    this.#retry.heard();
    this.#report(undefined);
    const graceLeftMs = this.#absentSinceMs + timings.absentGraceMs - now;
    if (told.count(index) === 0 || graceLeftMs <= 0) {
      this.#list += 1;
      told.endList({ feed: index, list: this.#list });
      this.health.settle();
      return jittered(timings.rediscoverMs, random);
    }
    // Servers have denied for a moment, while they started, what they serve: they are soon asked afresh.
    discovery.forget(feed.kind.group);
    const { backOffFirstMs: firstMs, rediscoverMs: longestMs } = timings;
    return Math.min(backOffMs({ firstMs, longestMs }, this.#denials, random), graceLeftMs);
  }

  async #listPages(signal: AbortSignal): Promise<void> {
    let resourceVersion: string | undefined;
    for await (const page of this.#pagedList.pages(this.#path(), this.#selectors(), signal)) {
      this.health.heard();
      if (resourceVersion === undefined) this.#beginList();
      for (const item of page.items) this.#seen({ ...this.#typeMeta(), ...item });
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
      ...this.#selectors(),
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(timeoutSeconds),
      ...(isList
        ? { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }
        : { resourceVersion: this.#cursor ?? '' }),
    });
    const stream = await client.openStream(`${this.#path()}?${query.toString()}`, signal);
    this.health.count('watches');
    this.health.heard();
    if (!isList && client.answeredBy !== this.#cursorOf) {
      // Its resource versions are others: it may take ours for one that is still to come, and keep quiet until then.
      throw new KubeError('expired', 'the credentials lead to another API server than before');
    }
    if (isList) this.#beginList();
    else this.#follows('watching');
    const openedAtMs = clock.now();
    const eventsBefore = this.health.counts.events;
    const state = { isListing: isList, isRelistDue: false };
    const stop = new AbortController();
    const watchdog = this.#guard(controller, state, stop.signal);
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
      await watchdog;
    }
    if (state.isRelistDue) return;
    if (signal.aborted) throw connectionError(signal.reason);
    if (state.isListing) throw new KubeError('malformed', 'the API server ended a list before it was complete');
    const isShort = clock.now() - openedAtMs < shortestWatchMs && this.health.counts.events === eventsBefore;
    if (isShort) throw new KubeError('unreachable', 'the API server ends each watch at once');
    this.#retry.advanced();
  }

  /** Ends a watch that is silent, or that is due to be compared with a list. */
  async #guard(
    controller: AbortController,
    state: { isListing: boolean; isRelistDue: boolean },
    stop: AbortSignal,
  ): Promise<void> {
    const { clock, timings } = this.#options;
    while (!stop.aborted) {
      const now = clock.now();
      const stallAtMs = (this.health.lastHeardAtMs ?? now) + timings.stallMs;
      if (now >= stallAtMs) {
        const seconds = Math.round(timings.stallMs / 1000);
        controller.abort(new KubeError('stalled', `the API server sent nothing for ${seconds} s`));
        return;
      }
      if (!state.isListing && now >= this.#relistAtMs) {
        state.isRelistDue = true;
        controller.abort(new KubeError('stalled', 'everything is listed again'));
        return;
      }
      // While it lists, the time of the next list is not known yet.
      const lookAtMs = state.isListing ? now + Math.min(1_000, timings.relistMs) : this.#relistAtMs;
      await clock.sleep(Math.min(stallAtMs, lookAtMs) - now, stop);
    }
  }

  #line(line: StreamLine, state: { isListing: boolean }): void {
    if (line.kind === 'oversized') {
      this.#oversized(line.beginning);
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
    if (isOlder(resourceVersion, this.#cursor)) {
      throw new KubeError('expired', 'the API server has an older state than it had: it was restored or replaced');
    }
    this.#cursor = resourceVersion;
    this.#retry.advanced();
  }

  #seen(object: Readonly<Record<string, unknown>>): void {
    this.#options.told.seen(object, { feed: this.#options.index, list: this.#list });
    if (this.#oversizedId !== undefined && idOf(object) === this.#oversizedId) this.#forgetOversized();
  }

  #beginList(): void {
    this.#list += 1;
    this.#listHasOversized = false;
    this.#listHasUnknown = false;
    this.#cursorOf = this.#options.client.answeredBy;
    this.#follows('listing');
  }

  #endList(resourceVersion: string): void {
    const { told, index, timings, clock, random } = this.#options;
    this.health.count('lists');
    this.#retry.heard();
    this.#cursor = resourceVersion;
    // An object that could not even be named may be any of those that are missing.
    if (!this.#listHasUnknown) told.endList({ feed: index, list: this.#list });
    if (!this.#listHasOversized) this.#forgetOversized();
    this.#relistAtMs = clock.now() + jittered(timings.relistMs, random);
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
    const { clock, timings, random, discovery, feed } = this.#options;
    if (error.code === 'unsupported' && this.#canStreamList) {
      this.#canStreamList = false;
      return 0;
    }
    const waitMs = this.#retry.failed(error);
    const { failures } = this.#retry;
    // The same place in the stream that fails again and again is left by listing.
    if (error.code === 'expired' || (error.code === 'malformed' && failures % 3 === 0)) this.#cursor = undefined;
    if (this.#cursor !== undefined) {
      const soonMs =
        error.code === 'unreachable' || error.code === 'stalled' ? timings.relistAfterOutageMs : timings.relistMs;
      const atMs = clock.now() + jittered(soonMs, random);
      // A list that failed is tried again later: until then the watch goes on from where it was.
      this.#relistAtMs = this.#relistAtMs <= clock.now() ? atMs : Math.min(this.#relistAtMs, atMs);
    }
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

  #oversized(beginning: string): void {
    const { told, index, outbox, timings } = this.#options;
    this.health.count('oversized');
    const object = nameOversized(beginning);
    if (object.name === undefined) this.#listHasUnknown = true;
    else told.seenUnread(object.namespace, object.name, { feed: index, list: this.#list });
    this.#listHasOversized = true;
    this.#oversizedId = object.name === undefined ? undefined : `${object.namespace}/${object.name}`;
    outbox.report(this.#oversizedName(), [oversizedProblem(this.feed, object, timings.maxObjectBytes)]);
  }

  #forgetOversized(): void {
    this.#oversizedId = undefined;
    this.#options.outbox.report(this.#oversizedName(), []);
  }

  #oversizedName(): string {
    return `oversized ${describeFeed(this.feed)}`;
  }

  #path(): string {
    return feedPath(this.feed, this.#version ?? '');
  }

  #selectors(): Readonly<Record<string, string>> {
    const { fieldSelector, labelSelector } = this.feed;
    return {
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
    };
  }

  /** Items of a list don't say what they are. */
  #typeMeta(): { readonly apiVersion: string; readonly kind: string } {
    const { group, kind } = this.feed.kind;
    const version = this.#version ?? '';
    return { apiVersion: group === '' ? version : `${group}/${version}`, kind };
  }
}

/** Resource versions can be compared when they are numbers. */
function isOlder(resourceVersion: string, than: string | undefined): boolean {
  if (than === undefined || !/^\d+$/.test(resourceVersion) || !/^\d+$/.test(than)) return false;
  return BigInt(resourceVersion) < BigInt(than);
}
