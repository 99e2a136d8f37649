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

/** "CDS updates must always be pushed first", then EDS, LDS, RDS, VHDS (xDS protocol, eventual consistency). */
const known: ReadonlyMap<string, TypeRule> = new Map(
  [
    rule(typeUrls.cluster, 0, { legacyWildcard: true, completeInSotw: true }),
    rule(typeUrls.endpoint, 1),
    rule(typeUrls.listener, 2, { legacyWildcard: true, completeInSotw: true }),
    rule(typeUrls.route, 3),
    rule(typeUrls.virtualHost, 4, { legacyWildcard: true }),
    rule(typeUrls.secret, 5),
    rule(typeUrls.extension, 6),
    rule(typeUrls.nameTable, 7, { legacyWildcard: true, silent: true }),
    rule(typeUrls.proxyConfig, 8, { legacyWildcard: true, silent: true }),
    rule(typeUrls.healthInformation, 9, { legacyWildcard: true, silent: true }),
  ].map((one) => [one.typeUrl, one]),
);

/** Types without rules of their own come after all others. */
const rankOfOthers = 10;

/**
 * Rules of a type. A type outside Envoy's own API (Istio's internal ones) is a wildcard by rule. One value for each known type: its
 * text is the same for all streams, and found equal without a look at its letters.
 */
export function ruleOf(typeUrl: string): TypeRule {
  const legacyWildcard = !typeUrl.startsWith('type.googleapis.com/envoy.');
  return known.get(typeUrl) ?? rule(typeUrl, rankOfOthers, { legacyWildcard });
}

function rule(
  typeUrl: string,
  rank: number,
  rest: Partial<Pick<TypeRule, 'legacyWildcard' | 'completeInSotw' | 'silent'>> = {},
): TypeRule {
  return Object.freeze({ typeUrl, rank, legacyWildcard: false, completeInSotw: false, silent: false, ...rest });
}

/** Whether the type is one that this protocol layer has rules for. */
export function isKnownType(typeUrl: string): boolean {
  return known.has(typeUrl);
}

/**
 * Whether a stream of nothing but such types is one that an agent has beside that of its Envoy: for the names of its DNS server, or to
 * register its machine. Envoy itself never asks for them.
 */
export function isAgentType(typeUrl: string): boolean {
  return known.get(typeUrl)?.silent === true;
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
