// What the protocol knows of each resource type: who may subscribe to all of it by asking for nothing, in which order a
// change reaches the client, and which types are heard but never answered.

/** Type URLs that have rules of their own. */
export const typeUrls = {
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoint: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  virtualHost: 'type.googleapis.com/envoy.config.route.v3.VirtualHost',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
  extension: 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
  nameTable: 'type.googleapis.com/istio.networking.nds.v1.NameTable',
  proxyConfig: 'type.googleapis.com/istio.mesh.v1alpha1.ProxyConfig',
  healthInformation: 'type.googleapis.com/istio.v1.HealthInformation',
} as const;

export interface TypeRule {
  readonly typeUrl: string;
  /** Position in the order of a change; types that no other type refers to come last. */
  readonly rank: number;
  /** A first request without names subscribes to everything ("for historical reasons", xDS protocol). */
  readonly legacyWildcard: boolean;
  /** State of the world: every response carries all resources, and what is missing from one is removed. */
  readonly completeInSotw: boolean;
  /** Asked for by Istio's pilot-agent or sent by it as a report: no answer when nothing of the type is served. */
  readonly silent: boolean;
}

interface Known {
  readonly rank: number;
  readonly legacyWildcard?: boolean;
  readonly completeInSotw?: boolean;
  readonly silent?: boolean;
}

/** "CDS updates must always be pushed first", then EDS, LDS, RDS, VHDS (xDS protocol, eventual consistency). */
const known: Readonly<Record<string, Known>> = {
  [typeUrls.cluster]: { rank: 0, legacyWildcard: true, completeInSotw: true },
  [typeUrls.endpoint]: { rank: 1 },
  [typeUrls.listener]: { rank: 2, legacyWildcard: true, completeInSotw: true },
  [typeUrls.route]: { rank: 3 },
  [typeUrls.virtualHost]: { rank: 4, legacyWildcard: true },
  [typeUrls.secret]: { rank: 5 },
  [typeUrls.extension]: { rank: 6 },
  [typeUrls.nameTable]: { rank: 7, legacyWildcard: true, silent: true },
  [typeUrls.proxyConfig]: { rank: 8, legacyWildcard: true, silent: true },
  [typeUrls.healthInformation]: { rank: 9, legacyWildcard: true, silent: true },
};

/** Types without rules of their own come after all others. */
const rankOfOthers = 10;

/** Rules of a type. A type outside Envoy's own API (Istio's internal ones) is a wildcard by rule. */
export function ruleOf(typeUrl: string): TypeRule {
  const rule = known[typeUrl];
  const envoys = typeUrl.startsWith('type.googleapis.com/envoy.');
  return {
    typeUrl,
    rank: rule?.rank ?? rankOfOthers,
    legacyWildcard: rule?.legacyWildcard ?? (rule === undefined && !envoys),
    completeInSotw: rule?.completeInSotw ?? false,
    silent: rule?.silent ?? false,
  };
}

/** Whether the type is one that this protocol layer has rules for. */
export function isKnownType(typeUrl: string): boolean {
  return Object.hasOwn(known, typeUrl);
}

/** Istio's tools ask these: `istio.io/debug` and what begins with `istio.io/debug/`. A request is answered once. */
export function isReportType(typeUrl: string): boolean {
  return typeUrl === reportType || typeUrl.startsWith(`${reportType}/`);
}

/** The type of what a debug page says; the page's name is the name of the resource. */
export const reportType = 'istio.io/debug';

/** The route configuration in the name of a virtual host resource, `ROUTE_CONFIG/HOST`. */
export function routeConfigurationOf(virtualHostName: string): string {
  const slash = virtualHostName.lastIndexOf('/');
  return slash === -1 ? '' : virtualHostName.slice(0, slash);
}
