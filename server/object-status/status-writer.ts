// Keeps the statuses of objects of the primary equal to the findings about them; done by the leader alone. In: the findings and what
// the statuses say. Out: one write for each object that differs, at the version that was judged, so that it is never about another one.

import type { Clock } from '../../ca/clock.ts';
import type { ObjectKey } from '../../discovery/model/names.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import { backOffMs, type BackOff, type Random } from '../../discovery/source/kube/back-off.ts';
import { KubeError } from '../../discovery/source/kube/kube-error.ts';
import { TokenBucket, type Rate } from '../admission/token-bucket.ts';
import type { PrimaryClient } from '../kube/primary-client.ts';
import type { Log } from '../log.ts';
import { dueStatus, type DueStatus } from './due-status.ts';
import type { ObjectState, ObjectStates } from './object-states.ts';
import type { StatusMetrics, StatusWriteResult } from './status-metrics.ts';
import { WritePace } from './write-pace.ts';

export interface StatusTimings {
  readonly lookMs: number;
  /** What is to be said must have been the same for so long: objects that are applied together come one by one. */
  readonly settleMs: number;
  /** How long a new leader waits for clusters that have not been read: what they have would be missed. */
  readonly completeMs: number;
  readonly rate: Rate;
  /** Between writes to an object that stays as it is. */
  readonly pace: BackOff;
  readonly backOff: BackOff;
  /** How long a kind is left alone for lack of rights, and an answer about which kinds have a status holds. */
  readonly recheckMs: number;
}

export const defaultStatusTimings: StatusTimings = Object.freeze({
  lookMs: 500,
  settleMs: 1000,
  completeMs: 30_000,
  rate: Object.freeze({ perSecond: 10, burst: 20 }),
  pace: Object.freeze({ firstMs: 5000, longestMs: 600_000 }),
  backOff: Object.freeze({ firstMs: 500, longestMs: 60_000 }),
  recheckMs: 300_000,
});

export interface StatusWriterOptions {
  readonly client: Pick<PrimaryClient, 'patchStatus' | 'resourcesOf'>;
  readonly states: ObjectStates;
  /** All findings; those about other objects are left out here. Undefined while they are not known. */
  readonly problems: () => readonly Problem[] | undefined;
  /** Whether every cluster has been read. */
  readonly complete: () => boolean;
  /** Whether the findings are about what was seen at that time, by the clock of the states. */
  readonly covers: (seenAtMs: number) => boolean;
  /** That only goes forward. */
  readonly clock: Clock;
  /** Milliseconds since the epoch. */
  readonly time: () => number;
  readonly random: Random;
  readonly metrics: StatusMetrics;
  readonly log: Log;
  readonly timings?: StatusTimings | undefined;
}

/** While this replica leads: until the signal aborts. */
export async function writeStatuses(options: StatusWriterOptions, signal: AbortSignal): Promise<void> {
  const writer = new StatusWriter(options);
  const { clock, timings = defaultStatusTimings } = options;
  while (!signal.aborted) {
    await writer.look(signal);
    if (!signal.aborted) await clock.sleep(timings.lookMs, signal);
  }
  options.metrics.due(0);
}

interface Due {
  readonly state: ObjectState;
  readonly status: DueStatus;
  readonly sinceMs: number;
}

interface Held {
  readonly failures: number;
  readonly untilMs: number;
}

/** A version of a kind, as errors and rights concern it. */
type KindId = string;

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #timings: StatusTimings;
  readonly #bucket: TokenBucket;
  readonly #pace: WritePace;
  readonly #beganAtMs: number;
  /** What is to be said, and since when it is the same. */
  readonly #pending = new Map<ObjectKey, { readonly text: string; readonly sinceMs: number }>();
  readonly #held = new Map<ObjectKey, Held>();
  /** By API version. */
  readonly #served = new Map<string, { readonly resources: ReadonlySet<string>; readonly untilMs: number }>();
  readonly #forbiddenUntilMs = new Map<KindId, number>();
  /** Of the API server as a whole. */
  #serverHeld: Held = { failures: 0, untilMs: 0 };
  #complaint = '';

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#timings = options.timings ?? defaultStatusTimings;
    const { clock } = options;
    this.#bucket = new TokenBucket(this.#timings.rate, () => clock.now());
    this.#pace = new WritePace(this.#timings.pace, options.random);
    this.#beganAtMs = clock.now();
  }

  /** Writes what is due now, as much as the rate allows. Never rejects. */
  async look(signal: AbortSignal): Promise<void> {
    const { clock, complete, metrics } = this.#options;
    const nowMs = clock.now();
    if (nowMs < this.#serverHeld.untilMs) return;
    if (!complete() && nowMs < this.#beganAtMs + this.#timings.completeMs) return;
    const due = this.#due(nowMs);
    metrics.due(due.length);
    this.#pace.prune(nowMs);
    for (const each of due) {
      if (signal.aborted || clock.now() < this.#serverHeld.untilMs) return;
      // Its kind may have been refused in this very look.
      if (this.#isLeftAlone(each.state, nowMs) || !(await this.#hasStatus(each.state, signal))) continue;
      if (!this.#bucket.take()) return;
      await this.#write(each, signal);
    }
  }

  /** Those that wait the longest first. */
  #due(nowMs: number): readonly Due[] {
    const { states, covers, time, problems } = this.#options;
    const all = problems();
    if (all === undefined) return [];
    const found = byObject(all);
    // A list that was cut short does not say that an object has no findings.
    const isWhole = !all.some(({ code }) => code === 'more-problems');
    const keys = new Set([...found.keys(), ...states.marked]);
    for (const key of this.#pending.keys()) if (!keys.has(key)) this.#pending.delete(key);
    for (const key of this.#held.keys()) if (!keys.has(key)) this.#held.delete(key);
    const due: Due[] = [];
    for (const key of keys) {
      const state = states.get(key);
      const against = found.get(key) ?? [];
      if (state === undefined || (against.length === 0 && !isWhole)) continue;
      const status = dueStatus(state, against, time());
      const sinceMs = this.#settling(key, status, state, nowMs);
      if (status === undefined || nowMs < sinceMs + this.#timings.settleMs || !covers(state.seenAtMs)) continue;
      if (this.#isLeftAlone(state, nowMs)) continue;
      due.push({ state, status, sinceMs });
    }
    return due.toSorted((a, b) => a.sinceMs - b.sinceMs);
  }

  /** Since when that is to be said. */
  #settling(key: ObjectKey, status: DueStatus | undefined, { generation }: ObjectState, nowMs: number): number {
    if (status === undefined) {
      this.#pending.delete(key);
      return nowMs;
    }
    // Not its message, whose numbers may change all the time, nor its time.
    const said = status.conditions.map((condition) => [condition['type'], condition['status'], condition['reason']]);
    const text = JSON.stringify([generation, said]);
    const before = this.#pending.get(key);
    if (before?.text === text) return before.sinceMs;
    this.#pending.set(key, { text, sinceMs: nowMs });
    return nowMs;
  }

  #isLeftAlone(state: ObjectState, nowMs: number): boolean {
    if (nowMs < (this.#forbiddenUntilMs.get(kindId(state)) ?? 0)) return true;
    if (nowMs < (this.#held.get(state.key)?.untilMs ?? 0)) return true;
    return !this.#pace.allows(state.key, state.generation, nowMs);
  }

  /** Definitions need not have a status. */
  async #hasStatus({ place }: ObjectState, signal: AbortSignal): Promise<boolean> {
    const { client, clock } = this.#options;
    const { apiVersion, plural } = place;
    const known = this.#served.get(apiVersion);
    if (known !== undefined && clock.now() < known.untilMs) return known.resources.has(`${plural}/status`);
    const resources = await client.resourcesOf(apiVersion, signal);
    if (resources instanceof KubeError) {
      if (!signal.aborted) this.#holdServer(resources);
      return false;
    }
    this.#served.set(apiVersion, { resources, untilMs: clock.now() + this.#timings.recheckMs });
    return resources.has(`${plural}/status`);
  }

  async #write({ state, status }: Due, signal: AbortSignal): Promise<void> {
    const { client, clock, states, metrics, log } = this.#options;
    const { key, place, name, resourceVersion, generation } = state;
    const patch = { metadata: { resourceVersion }, status: { ...status } };
    const answer = await client.patchStatus(place, name, patch, signal);
    if (answer instanceof KubeError) {
      if (!signal.aborted) metrics.wrote(this.#failed(state, answer));
      return;
    }
    metrics.wrote('written');
    // The watch tells the same a moment later, and may have told of a later change, or that it is gone, before this answer came.
    if (states.get(key) === state) states.seen(state.kind, answer.fields);
    this.#held.delete(key);
    this.#serverHeld = { failures: 0, untilMs: 0 };
    this.#forbiddenUntilMs.delete(kindId(state));
    this.#complaint = '';
    this.#pace.wrote(key, generation, clock.now());
    log.debug({ object: key }, 'the status says what is found');
  }

  #failed(state: ObjectState, error: KubeError): StatusWriteResult {
    this.#hold(state, error);
    switch (error.code) {
      case 'conflict':
        return 'conflict';
      case 'absent':
        return 'gone';
      case 'forbidden':
        this.#forbid(state);
        return 'forbidden';
      case 'unreachable':
      case 'stalled':
      case 'unauthorized':
      case 'credentials':
      case 'throttled':
        this.#holdServer(error);
        return 'failed';
      default:
        this.#complain(`${state.key}: ${error.message}`);
        return 'failed';
    }
  }

  /** Said once for a kind: it is asked again from time to time. */
  #forbid(state: ObjectState): void {
    const { clock, log } = this.#options;
    const kind = kindId(state);
    const { plural } = state.place;
    const advice = `grant patch on ${plural}/status, or start with --object-status=off`;
    if (!this.#forbiddenUntilMs.has(kind))
      log.warn({ kind: plural }, `statuses of a kind may not be written: ${advice}`);
    this.#forbiddenUntilMs.set(kind, clock.now() + this.#timings.recheckMs);
  }

  #hold({ key }: ObjectState, { retryAfterMs = 0 }: KubeError): void {
    const { clock, random } = this.#options;
    const failures = (this.#held.get(key)?.failures ?? 0) + 1;
    const waitMs = Math.max(retryAfterMs, backOffMs(this.#timings.backOff, failures, random));
    this.#held.set(key, { failures, untilMs: clock.now() + waitMs });
  }

  #holdServer({ retryAfterMs = 0, message }: KubeError): void {
    const { clock, random } = this.#options;
    const failures = this.#serverHeld.failures + 1;
    const waitMs = Math.max(retryAfterMs, backOffMs(this.#timings.backOff, failures, random));
    this.#serverHeld = { failures, untilMs: clock.now() + waitMs };
    this.#complain(message);
  }

  /** Once, until something could be written. */
  #complain(reason: string): void {
    if (reason !== this.#complaint) this.#options.log.warn({ reason }, 'a status was not written');
    this.#complaint = reason;
  }
}

function byObject(problems: readonly Problem[]): ReadonlyMap<ObjectKey, readonly Problem[]> {
  const found = new Map<ObjectKey, Problem[]>();
  for (const problem of problems) {
    if (problem.object === undefined) continue;
    const known = found.get(problem.object);
    if (known === undefined) found.set(problem.object, [problem]);
    else known.push(problem);
  }
  return found;
}

function kindId({ place }: ObjectState): KindId {
  return `${place.plural}.${place.apiVersion}`;
}
