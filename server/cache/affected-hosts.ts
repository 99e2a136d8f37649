// Which hosts of an outbound view must be generated again after a change of the mesh: as few as the change allows.

import type { Endpoint } from '../../discovery/model/endpoint.ts';
import type { ChangeSet } from '../../discovery/model/change-set.ts';
import type { MeshSnapshot, PolicyIndex } from '../../discovery/model/mesh-snapshot.ts';
import type { Hostname } from '../../discovery/model/names.ts';
import { policiesOf } from '../view/client-traits.ts';
import { carryServicePlaces, servicePlaces } from '../view/service-places.ts';
import type { MeshService } from '../../discovery/model/service.ts';
import { affectedRoutes } from './affected-routes.ts';

/** `everything`: no narrower answer is safe. `allAssignments`: the assignments of every host, beside the shapes named. */
export interface AffectedHosts {
  readonly everything: boolean;
  /** Hosts whose clusters, virtual hosts and listeners may differ; their assignments too. */
  readonly shapes: ReadonlySet<Hostname>;
  /** Hosts of which only virtual hosts and listeners may differ. */
  readonly routes: ReadonlySet<Hostname>;
  /** Hosts of which only the assignments may differ. */
  readonly assignments: ReadonlySet<Hostname>;
  readonly allAssignments: boolean;
}

/** Views that go from one state to the same next one ask the same: it is worked out for the first. */
export class SharedAffectedHosts {
  #last: { before: MeshSnapshot; after: MeshSnapshot; change: ChangeSet; affected: AffectedHosts } | undefined;

  of(before: MeshSnapshot, after: MeshSnapshot, change: ChangeSet): AffectedHosts {
    const last = this.#last;
    if (last?.before === before && last.after === after && last.change === change) return last.affected;
    const affected = affectedHosts(before, after, change);
    this.#last = { before, after, change, affected };
    return affected;
  }
}

/** The hosts that `change`, which leads from `before` to `after`, can reach. */
export function affectedHosts(before: MeshSnapshot, after: MeshSnapshot, change: ChangeSet): AffectedHosts {
  const everything = change.everything || before.config !== after.config || meshWidePolicyDiffers(before, after);
  carryServicePlaces(before.services, after.services);
  if (everything) {
    return { everything, shapes: new Set(), routes: new Set(), assignments: new Set(), allAssignments: true };
  }
  const shapes = new Set<Hostname>(change.services);
  for (const host of after.policies.destinationRules.changedSince(before.policies.destinationRules)) shapes.add(host);
  const routes = affectedRoutes(before, after, shapes);
  if (change.services.size > 0) addSharers(change.services, before, after, shapes);
  const assignments = new Set<Hostname>();
  // A cluster that is degraded, or no longer, moves only priorities; its hosts are among these.
  for (const host of change.endpoints) {
    if (shapes.has(host)) continue;
    (endpointsShapeHost(host, before, after) ? shapes : assignments).add(host);
  }
  return { everything, shapes, routes: routes.difference(shapes), assignments, allAssignments: change.gateways };
}

/** Policies that no single host can be named for. */
function meshWidePolicyDiffers(before: MeshSnapshot, after: MeshSnapshot): boolean {
  const then = before.policies;
  const now = after.policies;
  return (
    then.peerAuthentications !== now.peerAuthentications ||
    then.gateways !== now.gateways ||
    then.wildcardDestinationRules !== now.wildcardDestinationRules
  );
}

/** A virtual IP that several services claim is one service's; which one may change with any of them. */
function addSharers(
  services: ReadonlySet<Hostname>,
  before: MeshSnapshot,
  after: MeshSnapshot,
  into: Set<Hostname>,
): void {
  const claimed = new Set<string>();
  for (const host of services) {
    for (const mesh of [before, after]) for (const address of primaryAddresses(mesh, host)) claimed.add(address);
  }
  if (claimed.size === 0) return;
  const { byAddress } = servicePlaces(after.services);
  for (const address of claimed) {
    for (const host of byAddress.get(address)?.keys() ?? []) {
      if (primaryAddresses(after, host).includes(address)) into.add(host);
    }
  }
}

function primaryAddresses(mesh: MeshSnapshot, host: Hostname): readonly string[] {
  return mesh.services.get(host)?.addresses.get(mesh.primary) ?? [];
}

/** A cluster says who may answer for it and whether all do with mTLS; a headless service has a listener an address. */
function endpointsShapeHost(host: Hostname, before: MeshSnapshot, after: MeshSnapshot): boolean {
  if (isLookedUp(after.services.get(host))) return true;
  if (after.services.get(host)?.kind === 'headless' || mayEject(host, after.policies)) return true;
  const then = peersOf(before.endpoints.get(host));
  const now = peersOf(after.endpoints.get(host));
  return then.size !== now.size || !now.isSubsetOf(then);
}

/** Which errors count depends on whether there is anything but gateways. */
function mayEject(host: Hostname, { destinationRules, wildcardDestinationRules }: PolicyIndex): boolean {
  return [...(destinationRules.get(host) ?? []), ...wildcardDestinationRules].some((rule) =>
    policiesOf(rule).some(({ outlierDetection }) => outlierDetection !== undefined),
  );
}

function peersOf(endpoints: readonly Endpoint[] = []): ReadonlySet<string> {
  return new Set(
    endpoints.map(({ workload, tlsMode }) => `${workload.namespace}/${workload.serviceAccount}/${tlsMode}`),
  );
}

/** Its endpoints are in its clusters. */
function isLookedUp(service: MeshService | undefined): boolean {
  return [service, ...(service?.others ?? [])].some((one) => one?.entry?.resolution.startsWith('dns') === true);
}
