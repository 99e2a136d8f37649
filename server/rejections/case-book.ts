// The rejected versions that are looked into, or that findings speak of: so many at most, and so many of one proxy. In: rejections as
// they are reported. Out: the case of each. What was concluded longest ago makes room.

import type { ObjectKey } from '../../discovery/model/names.ts';
import { TokenBucket, type Rate } from '../admission/token-bucket.ts';
import type { EncodedResource } from '../cache/encoded-resource.ts';
import type { Outcome } from './rejected-version.ts';

const maxCases = 200;
const maxCasesOfProxy = 20;
const maxProxies = 1000;
const rate: Rate = Object.freeze({ perSecond: 5, burst: 50 });

export interface Case {
  readonly key: string;
  readonly typeUrl: string;
  readonly resource: EncodedResource | undefined;
  readonly said: string;
  readonly sinceMs: number;
  /** Node ids; the first is the one that reported it. */
  readonly proxies: Set<string>;
  /** It is being looked into, for the first time or again. */
  isOpen: boolean;
  judgedAtMs: number;
  /** Undefined until it is concluded for the first time. */
  outcome: Outcome | undefined;
  objects: readonly ObjectKey[];
  /** What changed with them and could be behind it, too, if they are not. */
  others: readonly ObjectKey[];
}

export type NewCase = Pick<Case, 'key' | 'typeUrl' | 'resource' | 'said'> & { readonly nodeId: string };

export class CaseBook {
  readonly #cases = new Map<string, Case>();
  readonly #bucket: TokenBucket;
  readonly #now: () => number;

  /** `now`: milliseconds of a clock that only goes forward. */
  constructor(now: () => number) {
    this.#now = now;
    this.#bucket = new TokenBucket(rate, now);
  }

  get(key: string): Case | undefined {
    return this.#cases.get(key);
  }

  all(): readonly Case[] {
    return [...this.#cases.values()];
  }

  delete(key: string): void {
    this.#cases.delete(key);
  }

  /** Undefined when there are too many. */
  open(given: NewCase): Case | undefined {
    const { nodeId, ...rest } = given;
    const own = this.all().filter(({ proxies }) => firstOf(proxies) === nodeId);
    if (own.length >= maxCasesOfProxy || !this.#bucket.take()) return undefined;
    if (this.#cases.size >= maxCases && !this.#makeRoom()) return undefined;
    const made: Case = {
      ...rest,
      sinceMs: this.#now(),
      proxies: new Set([nodeId]),
      isOpen: true,
      judgedAtMs: this.#now(),
      outcome: undefined,
      objects: [],
      others: [],
    };
    this.#cases.set(made.key, made);
    return made;
  }

  /** An object that is held back keeps its case: it is what the finding is about. */
  #makeRoom(): boolean {
    for (const { key, outcome } of this.#cases.values()) {
      if (outcome === undefined || outcome === 'held' || outcome === 'left-out') continue;
      return this.#cases.delete(key);
    }
    return false;
  }
}

export function addProxy({ proxies }: Pick<Case, 'proxies'>, nodeId: string): void {
  if (proxies.size < maxProxies) proxies.add(nodeId);
}

function firstOf(values: Iterable<string>): string | undefined {
  for (const value of values) return value;
  return undefined;
}
