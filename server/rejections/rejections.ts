// What becomes of a version that a proxy can't take: the object behind it is taken back to its earlier form when every proxy that
// answered rejects what is made of it, and otherwise only reported. In: rejected versions, and how the connected proxies stand to
// them. Out: objects held back, findings, one line in the log for each version. docs/rejections.md has the rules and their reasons.

import type { ObjectKey } from '../../discovery/model/names.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import type { ClusterRegistry } from '../../discovery/registry/cluster-registry.ts';
import type { ChangeCauses } from '../cache/change-causes.ts';
import type { EncodedResource } from '../cache/encoded-resource.ts';
import type { Log } from '../log.ts';
import { addProxy, CaseBook, type Case } from './case-book.ts';
import { versionKey, type Outcome, type RejectedVersion } from './rejected-version.ts';
import { rejectionFindings, rejectionSentence } from './rejection-findings.ts';
import type { RejectionMetrics } from './rejection-metrics.ts';
import { suspectsOf, type Suspects } from './suspects.ts';
import { tally, type Tally, type Voter } from './tally.ts';
import { Trials } from './trials.ts';

export interface RejectionTimings {
  /**
   * For how long after the start nothing is taken back that no change is behind: whoever connects first would decide for all that
   * are on their way.
   */
  readonly startMs: number;
  /** How long the answers of other proxies are waited for. */
  readonly windowMs: number;
  /** How soon it is looked whether they have come. */
  readonly recheckMs: number;
  /** How long a dispute is not looked into again. */
  readonly againMs: number;
  /** How long an object that may be innocent is watched after it was put in force again. */
  readonly trialMs: number;
}

export const defaultRejectionTimings: RejectionTimings = Object.freeze({
  startMs: 60_000,
  windowMs: 2000,
  recheckMs: 250,
  againMs: 10_000,
  trialMs: 3000,
});

/** A stream, as far as rejections go. */
export interface RejectingVoter extends Voter {
  /** What its client can't take at present. */
  rejections(): readonly RejectedByVoter[];
}

export interface RejectedByVoter {
  readonly nodeId: string;
  readonly typeUrl: string;
  /** Absent when the client did not say which resource it is. */
  readonly part?: Pick<EncodedResource, 'name' | 'version'> | undefined;
}

export interface RejectionReport {
  readonly nodeId: string;
  readonly typeUrl: string;
  /** The proxy's own words. */
  readonly said: string;
  /** What it can't take; empty when that could not be found out. */
  readonly blamed: readonly EncodedResource[];
}

export interface RejectionsOptions {
  readonly voters: Iterable<RejectingVoter>;
  readonly primary: Pick<ClusterRegistry, 'holdBack' | 'release' | 'heldBack' | 'originOf'>;
  /** What the registry told is served at once. */
  readonly settle: () => void;
  readonly causes: Pick<ChangeCauses, 'of' | 'isMadeBy' | 'hasChanged'>;
  /** Whether an object that is not of a kind of security says who may come in, all the same. */
  readonly guards?: ((key: ObjectKey) => boolean) | undefined;
  readonly metrics: Pick<RejectionMetrics, 'concluded' | 'ignored'>;
  readonly log: Pick<Log, 'error' | 'warn' | 'info'>;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
  readonly timings?: RejectionTimings | undefined;
}

/** Resources of one response that are looked into. */
const maxBlamed = 16;
/** Findings are as old as this, at most. */
const freshMs = 250;

export class Rejections {
  readonly #options: RejectionsOptions;
  readonly #timings: RejectionTimings;
  readonly #book: CaseBook;
  readonly #startedAtMs: number;
  readonly #trials: Trials;
  #timer: NodeJS.Timeout | undefined;
  #pruneTimer: NodeJS.Timeout | undefined;
  #prunedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: RejectionsOptions) {
    this.#options = options;
    this.#timings = options.timings ?? defaultRejectionTimings;
    this.#book = new CaseBook(options.now);
    this.#trials = new Trials({ release: (key) => this.#tryAgain(key), trialMs: this.#timings.trialMs });
    this.#startedAtMs = options.now();
  }

  /** A proxy rejected a response. */
  report({ nodeId, typeUrl, said, blamed }: RejectionReport): void {
    if (blamed.length === 0) this.#note({ key: wholeKey(typeUrl, nodeId), typeUrl, resource: undefined, said, nodeId });
    for (const resource of blamed.slice(0, maxBlamed)) {
      this.#note({ key: versionKey(typeUrl, resource), typeUrl, resource, said, nodeId });
    }
  }

  /** The mesh has changed: findings may be over. */
  changed(): void {
    if (this.#book.all().length === 0 || this.#pruneTimer !== undefined) return;
    this.#pruneTimer = setTimeout(() => {
      this.#pruneTimer = undefined;
      this.#prune();
    }, freshMs);
  }

  /** One an object, and those that no object could be named for. */
  problems(): readonly Problem[] {
    if (this.#options.now() - this.#prunedAtMs > freshMs) this.#prune();
    const found = this.#book.all().flatMap((one) => this.#asFound(one));
    return rejectionFindings(found, (key) => this.#options.primary.originOf(key));
  }

  /** Objects that are not in force as they are declared. */
  heldBack(): ReadonlySet<ObjectKey> {
    return new Set(this.#book.all().flatMap(({ objects }) => objects.filter((key) => this.#isHeld(key))));
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#trials.close();
    clearTimeout(this.#pruneTimer);
  }

  #note(given: Pick<Case, 'key' | 'typeUrl' | 'resource' | 'said'> & { readonly nodeId: string }): void {
    const known = this.#book.get(given.key);
    // What was taken back is served again only when the object was put in force again.
    const isOver = known !== undefined && isTakenBack(known) && !known.objects.every((key) => this.#isHeld(key));
    if (known !== undefined && !isOver) return this.#heardAgain(known, given.nodeId);
    if (isOver) this.#book.delete(given.key);
    const opened = this.#book.open(given);
    if (opened === undefined) return this.#options.metrics.ignored();
    if (opened.resource === undefined) return this.#conclude(opened, 'unknown', []);
    // After the turn: replicas of a workload answer together.
    return this.#decideIn(0);
  }

  /** Those that took it may have gone since. */
  #heardAgain(known: Case, nodeId: string): void {
    addProxy(known, nodeId);
    if (known.outcome !== 'disputed' || this.#options.now() - known.judgedAtMs < this.#timings.againMs) return;
    known.isOpen = true;
    this.#decideIn(0);
  }

  #decideIn(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const waiting = this.#book.all().filter((one) => one.isOpen && this.#judge(one) === 'waiting');
      if (waiting.length > 0) this.#decideIn(this.#timings.recheckMs);
    }, ms);
  }

  #judge(one: Case): 'waiting' | 'concluded' {
    const { resource } = one;
    if (resource === undefined) return 'concluded';
    const { causes, guards, now } = this.#options;
    const suspects = suspectsOf(resource, causes.of(resource), { hasChanged: (key) => causes.hasChanged(key), guards });
    if (!suspects.isByChange && now() - this.#startedAtMs < this.#timings.startMs) return 'waiting';
    const named = [...suspects.objects, ...suspects.guarded];
    const votes = this.#votes(resource, suspects);
    if (votes.concerned === 0 || votes.rejected === 0) this.#supersede(one);
    else if (votes.accepted > 0 && named.length > 0) this.#conclude(one, 'disputed', named);
    else if (votes.accepted > 0) this.#conclude(one, 'unknown', resource.sources);
    else if (votes.unanswered > 0 && now() - one.sinceMs < this.#timings.windowMs) return 'waiting';
    else this.#takeBack(one, resource, suspects);
    return 'concluded';
  }

  /** Everything counts that the last change of a suspect made, or that was made from it when there was no such change. */
  #votes(resource: EncodedResource, suspects: Suspects): Tally {
    const { voters, causes } = this.#options;
    const named = [...suspects.objects, ...suspects.guarded];
    return tally(voters, resource, (one) =>
      named.some((key) => (suspects.isByChange ? causes.isMadeBy(key, one) : one.sources.includes(key))),
    );
  }

  #takeBack(one: Case, resource: EncodedResource, suspects: Suspects): void {
    const { primary, settle, voters } = this.#options;
    const { objects, guarded, others, isByChange } = suspects;
    // Without a change to go by, an innocent one must not be taken back, nor a form that proxies took once.
    const first = isByChange ? objects : objects.filter((key) => !this.#isHeld(key));
    const again = first.filter((key) => this.#isHeld(key));
    const companions = again.flatMap((key) => this.#companionsOf(key));
    const candidates = companions.length > 0 ? companions : first;
    const taken =
      isByChange || candidates.length === 1 ? candidates.filter((key) => primary.holdBack(key) !== undefined) : [];
    if (taken.length > 0) settle();
    if (taken.length > 0 && tally(voters, resource, () => false).concerned === 0) {
      one.others = others;
      this.#conclude(one, taken.some((key) => primary.heldBack(key) === 'earlier') ? 'held' : 'left-out', taken);
      const together = companions.length > 0 ? [...again, ...companions] : taken;
      if (together.length > 1) this.#trials.add(together);
      return;
    }
    // It was not for them.
    for (const key of taken) if (!again.includes(key)) primary.release(key);
    if (taken.length > 0) settle();
    if (guarded.length > 0) this.#conclude(one, 'guarded', guarded);
    else this.#conclude(one, 'unknown', objects.length > 0 ? objects : resource.sources);
  }

  /** What changed with an object that was taken back without use; each is asked for once. */
  #companionsOf(key: ObjectKey): readonly ObjectKey[] {
    return this.#book.all().flatMap((one) => {
      if (!isTakenBack(one) || !one.objects.includes(key)) return [];
      const companions = one.others.filter((other) => !this.#isHeld(other));
      one.others = [];
      return companions;
    });
  }

  #conclude(one: Case, outcome: Outcome, objects: readonly ObjectKey[]): void {
    const { log, metrics, now } = this.#options;
    const isKnown = one.outcome === outcome;
    one.isOpen = false;
    one.judgedAtMs = now();
    one.outcome = outcome;
    one.objects = objects;
    if (isKnown) return;
    metrics.concluded(one.typeUrl, outcome);
    const found = asRejected(one, outcome, objects);
    const fields = { code: 'rejected-by-proxy', objects, resource: one.resource?.name, version: one.resource?.version };
    const level = outcome === 'disputed' ? 'warn' : 'error';
    log[level]({ ...fields, outcome, proxies: one.proxies.size }, rejectionSentence(found));
  }

  #supersede(one: Case): void {
    one.isOpen = false;
    // What was concluded before goes when nobody rejects it any more.
    if (one.outcome !== undefined) return;
    this.#book.delete(one.key);
    const { log, metrics } = this.#options;
    metrics.concluded(one.typeUrl, 'superseded');
    const { typeUrl, said, proxies } = one;
    const [proxy] = proxies;
    const fields = { code: 'rejected-by-proxy', typeUrl, resource: one.resource?.name, said, proxy };
    log.warn(fields, 'a proxy rejected what it is not sent any more');
  }

  #tryAgain(key: ObjectKey): void {
    if (!this.#isHeld(key)) return;
    this.#options.primary.release(key);
    this.#options.settle();
  }

  /** Drops what holds no longer. */
  #prune(): void {
    this.#prunedAtMs = this.#options.now();
    const concluded = this.#book.all().filter(({ outcome }) => outcome !== undefined);
    if (concluded.length === 0) return;
    const rejected = new Set<string>();
    for (const voter of this.#options.voters) {
      for (const { typeUrl, part, nodeId } of voter.rejections()) {
        rejected.add(part === undefined ? wholeKey(typeUrl, nodeId) : versionKey(typeUrl, part));
      }
    }
    for (const one of concluded) {
      const holds = isTakenBack(one) ? one.objects.some((key) => this.#isHeld(key)) : rejected.has(one.key);
      if (holds) continue;
      this.#book.delete(one.key);
      const fields = { code: 'rejected-by-proxy', objects: one.objects, resource: one.resource?.name };
      this.#options.log.info(fields, 'the finding is resolved');
    }
  }

  #asFound(one: Case): readonly RejectedVersion[] {
    const { outcome, objects } = one;
    if (outcome === undefined) return [];
    if (!isTakenBack(one)) return [asRejected(one, outcome, objects)];
    return objects.flatMap((key) => {
      const form = this.#options.primary.heldBack(key);
      return form === undefined ? [] : [asRejected(one, form === 'earlier' ? 'held' : 'left-out', [key])];
    });
  }

  #isHeld(key: ObjectKey): boolean {
    return this.#options.primary.heldBack(key) !== undefined;
  }
}

function isTakenBack({ outcome }: Case): boolean {
  return outcome === 'held' || outcome === 'left-out';
}

function asRejected(one: Case, outcome: Outcome, objects: readonly ObjectKey[]): RejectedVersion {
  const { typeUrl, resource, said, proxies } = one;
  return { typeUrl, resource, said, proxies, outcome, objects };
}

/** Of a response as a whole. */
function wholeKey(typeUrl: string, nodeId: string): string {
  return `${typeUrl} ${nodeId}`;
}
