// Which resources of one type a client asks for: names one by one, everything by a wildcard, or both. Requests go in; what they
// change of that comes out. Knows nothing of what the client holds.

import { resourceName, type ResourceName } from '../cache/encoded-resource.ts';
import { NameSet, type NameSetPool } from './name-set.ts';
import { routeConfigurationOf, type TypeRule } from './type-rules.ts';

const wildcardName = resourceName('*');

export interface SubscribedNamesOptions {
  readonly rule: TypeRule;
  readonly names: NameSetPool;
  /**
   * What the stream asks for of route configurations, when its virtual hosts follow it. Envoy asks for virtual hosts
   * once and without names, whatever the number of its route configurations.
   */
  readonly parent?: () => SubscribedNames | undefined;
}

/** What a request changes of what is asked for. */
export interface NamesUpdate {
  /** The request is the first one of its type. */
  readonly first: boolean;
  readonly wildcard: 'joined' | 'left' | 'kept';
  /** Names asked for one by one until now. */
  readonly before: NameSet;
  /** In delta those as well that were asked for before: whoever asks again waits for an answer again. */
  readonly asked: readonly ResourceName[];
  /** Those that were asked for before, and are not any more. */
  readonly left: readonly ResourceName[];
}

export class SubscribedNames {
  readonly #options: SubscribedNamesOptions;
  #wildcard = false;
  /** True until a name is asked for: requests without names mean everything. */
  #legacy = true;
  #started = false;
  #names: NameSet = NameSet.empty;

  constructor(options: SubscribedNamesOptions) {
    this.#options = options;
  }

  get wildcard(): boolean {
    return this.#wildcard;
  }

  /** Names asked for one by one. */
  get names(): NameSet {
    return this.#names;
  }

  /** Undefined when it follows none. */
  get parent(): SubscribedNames | 'not subscribed yet' | undefined {
    if (this.#options.parent === undefined) return undefined;
    return this.#options.parent() ?? 'not subscribed yet';
  }

  /** Whether the client wants this name, existing or not. */
  covers(name: ResourceName): boolean {
    if (this.#names.has(name)) return true;
    if (!this.#wildcard) return false;
    const { parent } = this;
    if (parent === undefined) return true;
    return parent === 'not subscribed yet' ? false : parent.covers(resourceName(routeConfigurationOf(name)));
  }

  updateDelta(request: {
    readonly subscribe: readonly string[];
    readonly unsubscribe: readonly string[];
  }): NamesUpdate {
    const first = this.#start();
    const unsubscribe = request.unsubscribe.map(resourceName);
    const joins = this.#legacyWildcard(first, request.subscribe) || request.subscribe.includes(wildcardName);
    return this.#update({
      first,
      joins,
      leaves: unsubscribe.includes(wildcardName),
      asked: request.subscribe.filter(isNoWildcard).map(resourceName),
      left: unsubscribe.filter((name) => isNoWildcard(name) && this.#names.has(name)),
    });
  }

  /** As `updateDelta`, for a request that lists everything the client wants. */
  updateSotw(listed: readonly string[]): NamesUpdate {
    const first = this.#start();
    const legacy = this.#legacyWildcard(first, listed);
    if (this.#legacy) return this.#update({ first, joins: legacy, leaves: false, asked: [], left: [] });
    const wildcardAsked = listed.includes(wildcardName);
    const wanted = new Set(listed.filter(isNoWildcard).map(resourceName));
    return this.#update({
      first,
      joins: wildcardAsked,
      leaves: !wildcardAsked,
      asked: [...wanted].filter((name) => !this.#names.has(name)),
      left: [...this.#names].filter((name) => !wanted.has(name)),
    });
  }

  #start(): boolean {
    const first = !this.#started;
    this.#started = true;
    return first;
  }

  /** A first request without names asks for everything, of types for which that is the rule. */
  #legacyWildcard(first: boolean, names: readonly string[]): boolean {
    if (names.length > 0) this.#legacy = false;
    return first && this.#legacy && this.#options.rule.legacyWildcard;
  }

  #update({ first, joins, leaves, asked, left }: Requested): NamesUpdate {
    const before = this.#names;
    const wildcard = leaves ? 'left' : joins && !this.#wildcard ? 'joined' : 'kept';
    if (wildcard !== 'kept') this.#wildcard = wildcard === 'joined';
    this.#names = this.#options.names.intern(before.with({ added: asked, removed: left }));
    return { first, wildcard, before, asked, left };
  }
}

interface Requested extends Pick<NamesUpdate, 'first' | 'asked' | 'left'> {
  /** The wildcard is asked for, or was before. */
  readonly joins: boolean;
  readonly leaves: boolean;
}

function isNoWildcard(name: string): boolean {
  return name !== wildcardName;
}
