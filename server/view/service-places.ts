// The hosts of a mesh by the namespaces that declare them and by the virtual IPs that they claim, made once for all views of a state of
// the mesh. Of a state that followed from another one only what differs is filed anew.

import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { Hostname } from '../../discovery/model/names.ts';
import { PersistentMap } from '../../discovery/model/persistent-map.ts';
import type { MeshService } from '../../discovery/model/service.ts';

type Services = MeshSnapshot['services'];
type Hosts = PersistentMap<Hostname, true>;
type HostsByName = PersistentMap<string, Hosts>;

export interface ServicePlaces {
  readonly byNamespace: HostsByName;
  /** By each address that is a host's in any cluster, or allocated to it. */
  readonly byAddress: HostsByName;
}

const noHosts: Hosts = PersistentMap.empty<Hostname, true>();
const noPlaces: ServicePlaces = { byNamespace: PersistentMap.empty(), byAddress: PersistentMap.empty() };

const made = new WeakMap<Services, ServicePlaces>();

export function servicePlaces(services: Services): ServicePlaces {
  const known = made.get(services);
  if (known !== undefined) return known;
  const places = fileChanges(noPlaces, PersistentMap.empty(), services);
  made.set(services, places);
  return places;
}

/** Says that `after` followed from `before`, which makes `servicePlaces` of it cheap. */
export function carryServicePlaces(before: Services, after: Services): void {
  const known = made.get(before);
  if (known !== undefined && !made.has(after)) made.set(after, fileChanges(known, before, after));
}

function fileChanges({ byNamespace, byAddress }: ServicePlaces, before: Services, after: Services): ServicePlaces {
  const namespaces = new Edits();
  const addresses = new Edits();
  for (const host of after.changedSince(before)) {
    const then = declaredAs(before.get(host));
    const now = declaredAs(after.get(host));
    namespaces.refile(host, then.map(namespaceOf), now.map(namespaceOf));
    addresses.refile(host, then.flatMap(addressesOf), now.flatMap(addressesOf));
  }
  return { byNamespace: namespaces.over(byNamespace), byAddress: addresses.over(byAddress) };
}

function declaredAs(service: MeshService | undefined): readonly MeshService[] {
  return service === undefined ? [] : [service, ...(service.others ?? [])];
}

function namespaceOf({ namespace }: MeshService): string {
  return namespace;
}

function addressesOf({ addresses, allocatedAddresses }: MeshService): readonly string[] {
  return [...[...addresses.values()].flat(), ...allocatedAddresses];
}

/** Under which names hosts are filed from now on, and under which no longer. */
class Edits {
  readonly #edits = new Map<string, Map<Hostname, true | undefined>>();

  refile(host: Hostname, then: readonly string[], now: readonly string[]): void {
    const kept = new Set(now);
    const filed = new Set(then);
    for (const name of filed) if (!kept.has(name)) this.#at(name).set(host, undefined);
    for (const name of kept) if (!filed.has(name)) this.#at(name).set(host, true);
  }

  over(hosts: HostsByName): HostsByName {
    return hosts.with(
      [...this.#edits].map(([name, edits]) => {
        const filed = (hosts.get(name) ?? noHosts).with(edits);
        return [name, filed.size === 0 ? undefined : filed] as const;
      }),
    );
  }

  #at(name: string): Map<Hostname, true | undefined> {
    const edits = this.#edits.get(name) ?? new Map<Hostname, true | undefined>();
    this.#edits.set(name, edits);
    return edits;
  }
}
