// Hosts by namespace and by virtual IP.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hostname, type Hostname } from '../../../discovery/model/names.ts';
import { PersistentMap } from '../../../discovery/model/persistent-map.ts';
import type { MeshService } from '../../../discovery/model/service.ts';
import { carryServicePlaces, servicePlaces, type ServicePlaces } from '../../../server/view/service-places.ts';
import { service } from '../../support/mesh-model.ts';

const names = fc.constantFrom('a', 'b', 'c');
const addresses = fc.uniqueArray(fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'));

const declared = fc.record({ namespace: names, own: addresses, allocated: addresses, other: fc.option(names) });

const edits = fc.array(fc.tuple(fc.constantFrom('x', 'y', 'z'), fc.option(declared)), { maxLength: 12 });

interface Declared {
  readonly namespace: string;
  readonly own: readonly string[];
  readonly allocated: readonly string[];
  /** Another namespace that declares the host, too. */
  readonly other: string | null;
}

function serviceOf(name: string, { namespace, own, allocated, other }: Declared): MeshService {
  const changes = { host: hostname(name), addresses: { 'cluster-1': own }, allocatedAddresses: allocated };
  const base = service(`${namespace}/${name}`, [], changes);
  return other === null ? base : { ...base, others: [{ ...base, namespace: other }] };
}

/** In text order. */
function contentOf({ byNamespace, byAddress }: ServicePlaces): readonly unknown[] {
  return [byNamespace, byAddress].map((places) =>
    [...places.entries()].map(([name, hosts]) => `${name}: ${[...hosts.keys()].toSorted().join()}`).toSorted(),
  );
}

it('filed change by change are what they are when they are filed at once', () => {
  fc.assert(
    fc.property(edits, (changes) => {
      let services = PersistentMap.empty<Hostname, MeshService>();
      servicePlaces(services);
      for (const [name, what] of changes) {
        const host = hostname(name);
        const next = services.with([[host, what === null ? undefined : serviceOf(name, what)]]);
        carryServicePlaces(services, next);
        services = next;
      }
      const atOnce = servicePlaces(PersistentMap.from(services.entries()));
      expect(contentOf(servicePlaces(services))).toEqual(contentOf(atOnce));
    }),
  );
});
