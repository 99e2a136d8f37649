// The findings between objects of a running instance, kept current: looked for again once a push that they may follow from is long over,
// once for all changes of a second, or at once when somebody asks. In: the mesh. Out: the findings that hold, and a word when they are
// others.

import { isDeepStrictEqual } from 'node:util';
import { analyze, inOrder, mayChangeFindings } from '../discovery/analyze/analyze.ts';
import type { MeshStore } from '../discovery/mesh/mesh-store.ts';
import type { Problem } from '../discovery/model/problem.ts';

export interface MeshFindingsOptions {
  readonly store: Pick<MeshStore, 'snapshot' | 'onChange' | 'serviceEntryFindings'>;
  /** Before the clusters have been read, whatever is missing only has not been told yet. */
  readonly ready: () => boolean;
  /** Hears how long each search took. */
  readonly onSearched?: ((durationMs: number) => void) | undefined;
  readonly onChange: (problems: readonly Problem[]) => void;
  /** Runs a function after so many milliseconds; returns what prevents it. A timer when left out. */
  readonly schedule?: ((run: () => void, ms: number) => () => void) | undefined;
  /** Milliseconds from any start; `performance.now` when left out. */
  readonly now?: (() => number) | undefined;
}

/** How soon it is asked again whether the clusters have been read. */
const untilReadyMs = 200;
/** After a change: its push and the answers of the proxies come first, and what else belongs to the same edit. */
const settleMs = 200;
/** From one search to the next. */
const periodMs = 1_000;
/** After a search there is none for this many times as long as it took: it gets a twentieth of a core at most. */
const restFactor = 19;
/** What a source tells is in the mesh some turns later. */
const foldingMs = 250;

export class MeshFindings {
  readonly #options: MeshFindingsOptions;
  readonly #unsubscribe: () => void;
  readonly #schedule: (run: () => void, ms: number) => () => void;
  #current: readonly Problem[] = [];
  /** Something changed since the last search. */
  #isStale = false;
  #closed = false;
  #cancel: (() => void) | undefined;
  /** By `now`. */
  #restsUntilMs = 0;
  readonly #now: () => number;
  /** When the last search began. */
  #searchedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: MeshFindingsOptions) {
    this.#options = options;
    this.#now = options.now ?? ((): number => performance.now());
    this.#schedule = options.schedule ?? afterMs;
    this.#unsubscribe = options.store.onChange((_mesh, change) => {
      if (mayChangeFindings(change)) this.#touch();
    });
    this.#touch();
  }

  /** By object, then by field. Of all changes so far, unless a search that took long has only just been made. */
  get current(): readonly Problem[] {
    if (this.#isStale && !this.#closed && this.#options.ready() && this.#now() >= this.#restsUntilMs) this.#search();
    return this.#current;
  }

  /** Whether what was heard until that time, by `now`, has been searched. */
  covers(heardAtMs: number): boolean {
    return !this.#isStale || heardAtMs + foldingMs < this.#searchedAtMs;
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    this.#cancel?.();
  }

  #touch(): void {
    if (this.#isStale) return;
    this.#isStale = true;
    const earliestMs = Math.max(this.#searchedAtMs + periodMs, this.#restsUntilMs);
    this.#wait(Math.max(settleMs, earliestMs - this.#now()));
  }

  #wait(ms: number): void {
    this.#cancel = this.#schedule(() => this.#due(), ms);
  }

  #due(): void {
    if (this.#closed || !this.#isStale) return;
    if (this.#options.ready()) this.#search();
    else this.#wait(untilReadyMs);
  }

  #search(): void {
    this.#isStale = false;
    this.#cancel?.();
    this.#cancel = undefined;
    const { store, onSearched, onChange } = this.#options;
    const startedMs = this.#now();
    this.#searchedAtMs = startedMs;
    const found = inOrder([...analyze(store.snapshot), ...store.serviceEntryFindings()]);
    const tookMs = this.#now() - startedMs;
    // What takes less than a millisecond needs no rest.
    this.#restsUntilMs = tookMs < 1 ? 0 : this.#now() + tookMs * restFactor;
    onSearched?.(tookMs);
    if (isDeepStrictEqual(found, this.#current)) return;
    this.#current = found;
    onChange(found);
  }
}

function afterMs(run: () => void, ms: number): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

/** Of two lists, what the first does not say already of the same field. */
export function withoutRepeats(first: readonly Problem[], second: readonly Problem[]): readonly Problem[] {
  const known = new Set(first.map(placeOf));
  return [...first, ...second.filter((problem) => !known.has(placeOf(problem)))];
}

function placeOf({ code, object, field }: Problem): string {
  return JSON.stringify([code, object, field]);
}
