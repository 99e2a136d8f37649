// The findings between objects of a running instance, kept current: looked for again after a push that they may follow from, never
// before it, several changes of one turn once. In: the mesh. Out: the findings that hold, and a word when they are others.

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
  /** After the turn in which something changed. */
  readonly schedule?: ((run: () => void) => void) | undefined;
  /** Milliseconds from any start; `performance.now` when left out. */
  readonly now?: (() => number) | undefined;
}

/** How soon it is asked again whether the clusters have been read. */
const untilReadyMs = 200;
/** After a search there is none for this many times as long as it took: it gets a twentieth of a core at most. */
const restFactor = 19;
/** What a source tells is in the mesh some turns later. */
const foldingMs = 250;

export class MeshFindings {
  readonly #options: MeshFindingsOptions;
  readonly #unsubscribe: () => void;
  readonly #schedule: (run: () => void) => void;
  #current: readonly Problem[] = [];
  #scheduled = false;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  /** By `now`. */
  #restsUntilMs = 0;
  readonly #now: () => number;
  /** When the last search began. */
  #searchedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: MeshFindingsOptions) {
    this.#options = options;
    this.#now = options.now ?? ((): number => performance.now());
    this.#schedule = options.schedule ?? ((run) => setImmediate(run));
    this.#unsubscribe = options.store.onChange((_mesh, change) => {
      if (mayChangeFindings(change)) this.#touch();
    });
    this.#touch();
  }

  /** By object, then by field. */
  get current(): readonly Problem[] {
    return this.#current;
  }

  /** Whether what was heard until that time, by `now`, has been searched. */
  covers(heardAtMs: number): boolean {
    return !this.#scheduled || heardAtMs + foldingMs < this.#searchedAtMs;
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    clearTimeout(this.#timer);
  }

  #touch(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const restMs = this.#restsUntilMs - this.#now();
    if (restMs <= 0) this.#schedule(() => this.#search());
    else this.#timer = setTimeout(() => this.#search(), restMs);
  }

  #search(): void {
    if (this.#closed) return;
    if (!this.#options.ready()) {
      this.#timer = setTimeout(() => this.#search(), untilReadyMs);
      return;
    }
    this.#scheduled = false;
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

/** Of two lists, what the first does not say already of the same field. */
export function withoutRepeats(first: readonly Problem[], second: readonly Problem[]): readonly Problem[] {
  const known = new Set(first.map(placeOf));
  return [...first, ...second.filter((problem) => !known.has(placeOf(problem)))];
}

function placeOf({ code, object, field }: Problem): string {
  return JSON.stringify([code, object, field]);
}
