// Whatever is added, removed and rotated in whatever order, the mesh ends as after a fresh start, and nobody's endpoints go
// because of somebody else.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RemoteScene, remoteSecret } from './remote-scene.ts';

const ids = ['cluster-2', 'cluster-3', 'cluster-4'] as const;
const names = ['a', 'b', 'c'] as const;

type Step =
  | {
      readonly do: 'put';
      readonly name: string;
      readonly values: Readonly<Record<string, string>>;
      readonly day: number;
    }
  | { readonly do: 'take'; readonly name: string }
  /** One of the sources that wait answers. */
  | { readonly do: 'answer'; readonly which: number };

const kubeconfig = fc.constantFrom('good 1', 'good 2', 'good 3', 'bad 1', 'bad 2');
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('put' as const),
    name: fc.constantFrom(...names),
    values: fc.dictionary(fc.constantFrom(...ids), kubeconfig, { maxKeys: 2 }),
    day: fc.integer({ min: 1, max: 2 }),
  }),
  fc.record({ do: fc.constant('take' as const), name: fc.constantFrom(...names) }),
  fc.record({ do: fc.constant('answer' as const), which: fc.nat({ max: 5 }) }),
);

type Declared = ReadonlyMap<string, Extract<Step, { do: 'put' }>>;

const secretOf = ({ name, values, day }: Extract<Step, { do: 'put' }>) =>
  remoteSecret(name, values, { createdAt: `2026-01-0${day}T00:00:00Z` });

/** The kubeconfig in force for each cluster: of the oldest Secret, then of the first by name. */
function inForce(declared: Declared): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const order = [...declared.values()].toSorted((a, b) => a.day - b.day || (a.name < b.name ? -1 : 1));
  for (const { values } of order) {
    for (const [id, text] of Object.entries(values)) if (!found.has(id)) found.set(id, text);
  }
  return found;
}

function apply(scene: RemoteScene, declared: Declared, taken: Step): Declared {
  const next = new Map(declared);
  if (taken.do === 'put') {
    next.set(taken.name, taken);
    scene.put(secretOf(taken));
  } else if (taken.do === 'take') {
    next.delete(taken.name);
    scene.take(taken.name);
  } else {
    const waiting = scene.sources.filter(({ isStopped }) => !isStopped);
    waiting[taken.which % Math.max(1, waiting.length)]?.answer();
    scene.settle();
  }
  return next;
}

/** What each cluster gives the mesh: its endpoints by host, and its gateways. */
function given(scene: RemoteScene, id: string): string {
  const { endpoints, gateways } = scene.store.snapshot;
  const mine = [...endpoints.entries()].flatMap(([host, list]) =>
    list.filter((endpoint) => endpoint.clusterId === id).map(({ address }) => `${host} ${address}`),
  );
  const ways = [...gateways.values()].flat().filter((gateway) => gateway.clusterId === id);
  return JSON.stringify([mine.toSorted(), ways]);
}

it('any sequence of add, remove and rotate ends as a fresh start does and withdraws nothing on the way', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const scene = new RemoteScene();
      let declared: Declared = new Map();
      for (const each of steps) {
        const before = new Map(ids.map((id) => [id, given(scene, id)]));
        const wasServed = scene.served;
        declared = apply(scene, declared, each);
        const wanted = inForce(declared);
        const kept = ids.filter((id) => wasServed.includes(id) && wanted.has(id));
        expect(kept.map((id) => given(scene, id))).toEqual(kept.map((id) => before.get(id)));
        expect(scene.served.filter((id) => !wanted.has(id))).toEqual([]);
      }
      scene.answer();
      const fresh = new RemoteScene({ isStarting: true });
      fresh.put(...[...declared.values()].map((each) => secretOf(each)));
      fresh.primary.fold([{ kind: 'connected' }, { kind: 'synced' }]);
      fresh.answer();
      const wanted = inForce(declared);
      const readable = [...wanted].flatMap(([id, text]) => (text.startsWith('good') ? [id] : []));
      expect(readable.map((id) => given(scene, id))).toEqual(readable.map((id) => given(fresh, id)));
      // What never worked may still be served with what was declared before; a fresh start has nothing there.
      const isComparable = readable.length === wanted.size;
      expect(isComparable ? scene.content : fresh.content).toEqual(fresh.content);
      expect(scene.store.clusterStatuses().map(({ clusterId }) => clusterId)).toEqual(
        fresh.store.clusterStatuses().map(({ clusterId }) => clusterId),
      );
      expect(scene.failures).toEqual([]);
      // Whatever was superseded has ended: a cluster is read once, or twice while the last credentials do not work.
      await scene.stop();
      expect(scene.sources.every(({ isStopped }) => isStopped)).toBe(true);
      await fresh.stop();
    }),
    { numRuns: 200 },
  );
});
