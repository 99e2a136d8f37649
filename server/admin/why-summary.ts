// The first line of `why`: what an ordinary request gets. Of the routes of a port that is the first that takes it for certain; those
// before it that depend on what was not said are told beside it. In: explained ports. Out: sentences.

import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { MeshService } from '../../discovery/model/service.ts';
import { isUsable } from './explain-routes.ts';
import { roundPercent, type WhyAccess, type WhyPort, type WhyRoute } from './why-report.ts';

interface Headline {
  /** Takes what no route before it does. */
  readonly certain?: WhyRoute | undefined;
  /** Before that one, in order. */
  readonly depending: readonly WhyRoute[];
}

function headlineOf({ routes }: WhyPort): Headline {
  const certain = routes.find(({ takes }) => takes === 'yes');
  return { certain, depending: routes.filter(({ takes }) => takes === 'depends') };
}

/** Those that say whether requests get there. */
function decisiveRoutes(port: WhyPort): readonly WhyRoute[] {
  const { certain, depending } = headlineOf(port);
  return certain === undefined ? depending : [certain];
}

function leadsSomewhere(route: WhyRoute): boolean {
  return route.action !== undefined || route.destinations.some(isUsable);
}

/** Whether requests to the port have anywhere to go. */
export function isOpen(port: WhyPort): boolean {
  return decisiveRoutes(port).some(leadsSomewhere);
}

/** The first reason, when whatever is to take the requests denies them. */
export function refusedEverywhere(ports: readonly WhyPort[]): string | undefined {
  const routes = ports.flatMap((port) => decisiveRoutes(port).filter(leadsSomewhere));
  if (routes.some(({ action }) => action !== undefined)) return undefined;
  const used = routes.flatMap(({ destinations }) => destinations.filter(isUsable));
  const access = used.flatMap((destination) => destination.access);
  if (used.some((destination) => destination.access.length === 0)) return undefined;
  const [first] = access;
  return access.every(({ verdict }) => verdict === 'denied') ? first?.reasons.at(-1) : undefined;
}

/** Where requests to ports that are open go, and which of them get no further. */
export function reachedText(ports: readonly WhyPort[], service: MeshService): string {
  if (service.externalName !== undefined) return `${service.host} stands for the DNS name ${service.externalName}.`;
  const lost = ports.some((port) => decisiveRoutes(port).some((route) => lossTexts(route).length > 0));
  const sentences = ports.map((port) => `port ${String(port.port)}: ${portText(port)}`);
  return `${service.host} is reachable${lost ? ' in part' : ''}; ${sentences.join('; ')}.`;
}

function portText(port: WhyPort): string {
  const { certain, depending } = headlineOf(port);
  if (certain !== undefined) {
    return [routeText(certain, depending.length > 0), ...dependingTexts(port)].join('; ');
  }
  const first = depending.find(leadsSomewhere);
  if (first === undefined) return 'nowhere';
  const count = depending.length;
  const rest = count === 1 ? '; no other route may take it' : `, one of ${String(count)} routes that may take it`;
  return `depending on ${whatDecides(depending)}, ${routeText(first, true)}${rest}`;
}

/** Of each port whose first line is another route's: how many come before that, and what they depend on. */
function dependingTexts(port: WhyPort): readonly string[] {
  const { certain, depending } = headlineOf(port);
  if (certain === undefined || depending.length === 0) return [];
  const names = depending.map(({ name }) => name).filter((name) => name !== 'unnamed');
  const named =
    names.length === 0 ? '' : ` (${names.slice(0, maxNames).join(', ')}${names.length > maxNames ? ', …' : ''})`;
  const one = depending.length === 1;
  const count = one
    ? `1 route before it${named} depends`
    : `${String(depending.length)} routes before it${named} depend`;
  return [`${count} on ${whatDecides(depending)}`];
}

const maxNames = 3;

function whatDecides(routes: readonly WhyRoute[]): string {
  return [...new Set(routes.flatMap(({ dependsOn }) => dependsOn))].join(', ');
}

function routeText(route: WhyRoute, isOneOfMany: boolean): string {
  if (route.action !== undefined) return `a route ${route.action}`;
  const shares = route.shares.map(({ clusterId, percent }) => `${String(percent)} % to ${clusterId}`);
  if (shares.length === 0) shares.push('to wherever its name resolves');
  const by = isOneOfMany && route.name !== 'unnamed' && route.name !== 'default' ? ` by route ${route.name}` : '';
  return [...lossTexts(route), `${shares.join(', ')}${by}`].join('; ');
}

/** What of a route's requests is denied, and what has nowhere to go. */
function lossTexts({ action, destinations }: WhyRoute): readonly string[] {
  if (action !== undefined) return [];
  const denied = destinations.filter(isUsable).flatMap(({ weightPercent, access }) =>
    access.flatMap((one) => {
      const percent = roundPercent((weightPercent * one.percent) / 100);
      if (one.verdict !== 'denied' || percent === 0) return [];
      return [`${String(percent)} % of requests are denied at ${placeOf(one)}: ${one.reasons.at(-1) ?? ''}`];
    }),
  );
  const failing = destinations.flatMap(({ envoyCluster, host, problem, weightPercent }) =>
    problem === undefined || weightPercent === 0
      ? []
      : [`${String(weightPercent)} % of requests fail, for ${envoyCluster ?? host}: ${problem}`],
  );
  return [...denied, ...failing];
}

function placeOf({ workloads, count, clusterId }: WhyAccess): string {
  const [first = '', ...others] = workloads;
  const more = count > 1 ? ` and ${String(count - 1)} more` : '';
  return others.length === 1 && count === 2
    ? `${workloads.join(', ')} (${clusterId})`
    : `${first}${more} (${clusterId})`;
}

/** Why no port has anywhere to go. */
export function nowhereText(ports: readonly WhyPort[], service: MeshService, mesh: MeshSnapshot): string {
  const routes = ports.flatMap(decisiveRoutes);
  if (routes.length === 0) {
    const by = ports.find(({ virtualService }) => virtualService !== undefined)?.virtualService;
    return `No route${by === undefined ? '' : ` of ${by}`} takes such a request to ${service.host}.`;
  }
  const destinations = routes.flatMap((route) => route.destinations);
  const problem = destinations.find((one) => one.problem !== undefined && one.endpoints.length === 0)?.problem;
  const [group] = destinations.flatMap((one) => one.endpoints);
  if (group !== undefined) {
    return `Nothing behind ${service.host} can be used from here: ${group.clusterId}: ${group.explanation}.`;
  }
  if (problem !== undefined && problem !== 'no endpoint can be used') return `${service.host}: ${problem}.`;
  const dropped = service.clusters.filter((clusterId) => mesh.droppedClusters.has(clusterId));
  const why =
    dropped.length === 0
      ? ''
      : ` The endpoints of ${dropped.join(', ')} were dropped (--stale-policy drop): it was not heard for too long.`;
  return `${service.host} has no endpoint in any cluster that declares it (${service.clusters.join(', ')}).${why}`;
}

/** ` Port 80: 1 route before it depends on …` of routes that the rest of the line does not tell of. */
export function beside(ports: readonly WhyPort[]): string {
  return ports.flatMap((port) => dependingTexts(port).map((text) => ` Port ${String(port.port)}: ${text}.`)).join('');
}
