// Meshes for tests of DestinationRules in a real Envoy: services of one HTTP port, with backends as endpoints or behind gateways.

import type { Endpoint } from '../../../discovery/model/endpoint.ts';
import type { MeshSnapshot } from '../../../discovery/model/mesh-snapshot.ts';
import { declaredRule } from '../../support/declared-rule.ts';
import { endpoint, mesh, service, type MeshParts } from '../../support/mesh-model.ts';
import { startBackend, type Backend } from './backend.ts';

export interface Destination {
  readonly endpoints: readonly Endpoint[];
  /** Of its DestinationRule, without `host`. */
  readonly rule?: object;
}

/** By service name, all in namespace `default`. */
export function meshOf(destinations: Readonly<Record<string, Destination>>, parts: MeshParts = {}): MeshSnapshot {
  const all = Object.entries(destinations);
  return mesh({
    ...parts,
    services: all.map(([name], index) =>
      service(name, ['http:80'], { addresses: { 'cluster-1': [`10.96.0.${String(index + 1)}`] } }),
    ),
    endpoints: Object.fromEntries(all.map(([name, { endpoints }]) => [`${name}.default.svc.cluster.local`, endpoints])),
    policies: [
      ...all.flatMap(([name, { rule }]) => (rule === undefined ? [] : [declaredRule(name, { host: name, ...rule })])),
      ...(parts.policies ?? []),
    ],
  });
}

/** The backend as an endpoint without mTLS, where `where` is `CLUSTER/NETWORK[@REGION/ZONE]`. */
export function directly(
  { port }: Backend,
  where = 'cluster-1/network1',
  labels: Readonly<Record<string, string>> = {},
): Endpoint {
  return endpoint(where, '127.0.0.1', { http: port }, { tlsMode: 'disabled', labels });
}

/** Pods that only a gateway leads to. */
export function remotely(where: string, count: number, labels: Readonly<Record<string, string>> = {}): Endpoint[] {
  return Array.from({ length: count }, (_, index) =>
    endpoint(where, `10.2.0.${String(index + 1)}`, { http: 8080 }, { labels }),
  );
}

/** Names of backends, and how to close them all. */
export async function startBackends(
  stack: AsyncDisposableStack,
  names: readonly string[],
): Promise<readonly Backend[]> {
  return Promise.all(names.map(async (name) => stack.use(await startBackend(name))));
}
