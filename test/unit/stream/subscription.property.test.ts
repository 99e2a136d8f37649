// Whatever happens between a server and a client, what was sent, applied to what the client holds, gives what the server
// has for the names that the client asked for; and nothing is sent to a client that has it.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resourceName, type EncodedResource, type ResourceName } from '../../../server/cache/encoded-resource.ts';
import { emptyResourceSet, type ResourceSet, type TypeSnapshot } from '../../../server/cache/type-snapshot.ts';
import { SharedAnswers } from '../../../server/stream/shared-answers.ts';
import { NameSetPool } from '../../../server/stream/name-set.ts';
import type { Batch } from '../../../server/stream/response-batch.ts';
import { Subscription } from '../../../server/stream/subscription.ts';
import { ruleOf, typeUrls } from '../../../server/stream/type-rules.ts';
import { encodeLabelled } from '../../support/labelled-resource.ts';

const pool = ['a', 'b', 'c', 'd', 'e'];
const names = fc.subarray(pool, { minLength: 1 });

type Step =
  | { readonly kind: 'change'; readonly name: string; readonly label: string | undefined }
  | { readonly kind: 'subscribe'; readonly names: readonly string[]; readonly wildcard: boolean }
  | { readonly kind: 'unsubscribe'; readonly names: readonly string[]; readonly wildcard: boolean }
  | { readonly kind: 'exchange'; readonly additions: boolean; readonly removals: boolean; readonly maxBytes: number }
  | { readonly kind: 'reconnect' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('change' as const),
      name: fc.constantFrom(...pool),
      label: fc.option(fc.constantFrom('1', '2'), { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('subscribe' as const), names, wildcard: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('unsubscribe' as const), names, wildcard: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('exchange' as const),
      additions: fc.boolean(),
      removals: fc.boolean(),
      maxBytes: fc.constantFrom(1, 100, 1e9),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reconnect' as const) }) },
);

/** Clients that mostly do the same are mostly in the same state, and share what they are sent. */
const whose = fc.oneof({ weight: 3, arbitrary: fc.constant('both' as const) }, fc.constantFrom(0, 1));

/** What the streams of a server share. */
class Server {
  readonly sets = new NameSetPool();
  readonly answers = new SharedAnswers();
  resources: ResourceSet = emptyResourceSet;
  snapshot: TypeSnapshot = { parts: [emptyResourceSet] };

  change(name: string, resource: EncodedResource | undefined): void {
    this.resources = this.resources.with([[resourceName(name), resource]]);
    this.snapshot = { parts: [this.resources] };
  }
}

/** A client with its server's side of one type. */
class Pair {
  readonly #typeUrl: string;
  readonly #variant: 'delta' | 'sotw';
  readonly #server: Server;
  #subscription: Subscription;
  readonly holds = new Map<ResourceName, EncodedResource>();
  readonly asked = new Set<string>();
  wildcard = true;
  /** Names whose answer is due, held or not. */
  readonly #due = new Set<string>();

  constructor(typeUrl: string, variant: 'delta' | 'sotw', server = new Server()) {
    this.#server = server;
    this.#typeUrl = typeUrl;
    this.#variant = variant;
    this.#subscription = this.#begin();
  }

  run(action: Step): void {
    if (action.kind === 'change') this.#change(action.name, action.label);
    else if (action.kind === 'exchange') this.exchange(action);
    else if (action.kind === 'reconnect') this.#reconnect();
    else this.#request(action);
  }

  /** One response, applied. False when there was none. */
  exchange(options: { readonly additions: boolean; readonly removals: boolean; readonly maxBytes: number }): boolean {
    const pending = this.#subscription.compare(this.#server.snapshot);
    const batch = pending === undefined ? undefined : this.#subscription.take(pending, options);
    if (batch !== undefined) this.#apply(batch);
    return batch !== undefined;
  }

  wants(name: string): boolean {
    return this.wildcard || this.asked.has(name);
  }

  /** What the server has of what the client wants, by version. */
  expected(): Readonly<Record<string, string>> {
    return versions([...this.#server.resources.values()].filter((resource) => this.wants(resource.name)));
  }

  held(): Readonly<Record<string, string>> {
    return versions([...this.holds.values()]);
  }

  get exceptions(): number {
    return this.#subscription.client.exceptionCount;
  }

  get #complete(): boolean {
    return this.#variant === 'sotw' && ruleOf(this.#typeUrl).completeInSotw;
  }

  #begin(): Subscription {
    const rule = ruleOf(this.#typeUrl);
    const subscription = new Subscription({
      rule,
      variant: this.#variant,
      names: this.#server.sets,
      answers: this.#server.answers,
    });
    this.#subscription = subscription;
    const everything = [...(this.wildcard ? ['*'] : []), ...this.asked];
    if (this.#variant === 'sotw') subscription.updateSotw(everything, '');
    else
      subscription.updateDelta({
        subscribe: everything,
        unsubscribe: [],
        initialVersions: new Map(Object.entries(this.held())),
      });
    return subscription;
  }

  #change(name: string, label: string | undefined): void {
    const resource = label === undefined ? undefined : encodeLabelled(this.#typeUrl, name, label);
    this.#server.change(name, resource);
    this.missed(name, resource === undefined);
  }

  /** The resource changed, or went. */
  missed(name: string, gone: boolean): void {
    // It can't be said that it went, so it is sent when it comes back.
    if (gone && this.#variant === 'sotw' && !this.#complete) this.#due.add(name);
  }

  #request(action: Exclude<Step, { kind: 'change' | 'exchange' | 'reconnect' }>): void {
    const wildcardNames = action.wildcard ? ['*'] : [];
    const joins = action.kind === 'subscribe';
    const before = new Set(this.asked);
    if (action.wildcard) this.wildcard = joins;
    for (const name of action.names) {
      if (joins) this.asked.add(name);
      else this.asked.delete(name);
      const announced = joins
        ? this.#variant === 'delta' || !before.has(name)
        : before.has(name) && this.#variant === 'delta';
      if (announced) this.#due.add(name);
    }
    // A client drops what it no longer wants.
    for (const name of this.holds.keys()) if (!this.wants(name)) this.holds.delete(name);
    if (this.#variant === 'sotw') {
      this.#subscription.updateSotw([...(this.wildcard ? ['*'] : []), ...this.asked], '');
      return;
    }
    const list = [...wildcardNames, ...action.names];
    this.#subscription.updateDelta({
      subscribe: joins ? list : [],
      unsubscribe: joins ? [] : list,
      initialVersions: new Map(),
    });
  }

  #reconnect(): void {
    // A client that wants nothing has no reason to ask.
    if (this.asked.size === 0) this.wildcard = true;
    this.#due.clear();
    // Names without anything held are asked for anew, and answered.
    for (const name of this.asked)
      if (!this.holds.has(resourceName(name)) || this.#variant === 'sotw') this.#due.add(name);
    if (this.#variant === 'sotw') this.holds.clear();
    this.#begin();
  }

  #apply(batch: Batch): void {
    const complete = this.#complete;
    const sent = batch.resources.map((resource) => resource.name);
    assert.equal(new Set(sent).size, sent.length, 'a name is twice in one response');
    if (complete) {
      for (const name of this.holds.keys()) {
        if (!batch.resources.some((resource) => resource.name === name)) this.holds.delete(name);
      }
    }
    for (const resource of batch.resources) {
      assert.ok(this.wants(resource.name), `${resource.name} is sent to a client that does not want it`);
      const known = this.holds.get(resource.name)?.version === resource.version;
      if (!complete && known) assert.ok(this.#due.has(resource.name), `${resource.name} is sent twice`);
      this.holds.set(resource.name, resource);
      this.#due.delete(resource.name);
    }
    for (const name of batch.removed) {
      if (!this.holds.has(name)) assert.ok(this.#due.has(name), `${name} is removed twice`);
      this.holds.delete(name);
      this.#due.delete(name);
    }
  }
}

describe.each([
  ['delta', typeUrls.cluster],
  ['sotw', typeUrls.cluster],
  ['delta', typeUrls.endpoint],
] as const)('%s, %s', (variant, typeUrl) => {
  test('what was sent, applied to what the client holds, is what the server has; nothing is sent twice', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(step, whose), { maxLength: 40 }), (steps) => {
        const server = new Server();
        const pairs = [new Pair(typeUrl, variant, server), new Pair(typeUrl, variant, server)];
        for (const [action, who] of steps) {
          const acting = who === 'both' ? pairs : pairs.slice(who, who + 1);
          for (const pair of action.kind === 'change' ? acting.slice(0, 1) : acting) pair.run(action);
          if (action.kind !== 'change') continue;
          for (const pair of pairs) if (pair !== acting[0]) pair.missed(action.name, action.label === undefined);
        }
        for (const pair of pairs) {
          let responses = 0;
          while (pair.exchange({ additions: true, removals: true, maxBytes: 1e9 })) {
            responses += 1;
            expect(responses, 'responses without a change').toBeLessThan(3);
          }
          expect(pair.held()).toEqual(pair.expected());
          expect(pair.exceptions, 'names kept beside the snapshot').toBe(0);
        }
      }),
      { numRuns: 1500 },
    );
  });
});

test('state of the world, endpoints: a client has the current version of every resource that exists and that it wants', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const pair = new Pair(typeUrls.endpoint, 'sotw');
      for (const action of steps) pair.run(action);
      while (pair.exchange({ additions: true, removals: true, maxBytes: 1e9 }));
      expect(pair.held()).toMatchObject(pair.expected());
    }),
    { numRuns: 1500 },
  );
});

function versions(resources: readonly EncodedResource[]): Readonly<Record<string, string>> {
  return Object.fromEntries(resources.map((resource) => [resource.name, resource.version]));
}
