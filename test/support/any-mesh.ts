// Arbitrary meshes of a few hosts, clusters and networks, for properties that hold for all of them.

import * as fc from 'fast-check';
import type { Endpoint } from '../../discovery/model/endpoint.ts';
import type { NetworkGateway } from '../../discovery/model/network-gateway.ts';
import type { MeshService } from '../../discovery/model/service.ts';
import { endpoint, gateway, service, type MeshParts } from './mesh-model.ts';

const networks = ['network1', 'network2', 'network3', ''] as const;
const names = ['store', 'cart', 'shop/store', 'shop/web'] as const;

/** Two clusters a network; addresses say where they are: `10.NETWORK.CLUSTER.POD`. */
export const anyEndpoint: fc.Arbitrary<Endpoint> = fc
  .record({
    network: fc.nat(networks.length - 1),
    cluster: fc.nat(1),
    pod: fc.integer({ min: 1, max: 40 }),
    zone: fc.constantFrom('', 'r1/a', 'r1/b', 'r2/a'),
    version: fc.constantFrom('v1', 'v2'),
    account: fc.constantFrom('one', 'two'),
    weight: fc.constantFrom(1, 1, 1, 2, 7, 1_000_000_000),
    health: fc.constantFrom('healthy' as const, 'healthy' as const, 'draining' as const, 'unhealthy' as const),
    tlsMode: fc.constantFrom('istio' as const, 'istio' as const, 'disabled' as const),
    ports: fc.constantFrom<Readonly<Record<string, number>>>({ http: 8080, tcp: 9090 }, { http: 8080 }),
  })
  .map(({ network, cluster, pod, zone, version, account, weight, health, tlsMode, ports }) => {
    const where = `cluster-${network * 2 + cluster + 1}/${networks[network] ?? ''}@${zone}`;
    const made = endpoint(where, `10.${network}.${cluster}.${pod}`, ports, {
      weight,
      health,
      tlsMode,
      labels: { version },
    });
    return { ...made, workload: { ...made.workload, serviceAccount: account } };
  });

/** At most one endpoint an address. */
export const anyEndpoints: fc.Arbitrary<readonly Endpoint[]> = fc.uniqueArray(anyEndpoint, {
  selector: ({ address }) => address,
  maxLength: 30,
});

/** Gateways of networks 2 and 3, on addresses that no endpoint has. Network 1 is the proxy's own. */
export const anyGateways: fc.Arbitrary<readonly NetworkGateway[]> = fc.uniqueArray(
  fc
    .record({ network: fc.integer({ min: 1, max: 2 }), cluster: fc.nat(1), host: fc.integer({ min: 1, max: 4 }) })
    .map(({ network, cluster, host }) =>
      gateway(networks[network] ?? '', `cluster-${network * 2 + cluster + 1}`, `172.30.${network}.${host}`),
    ),
  { selector: ({ address, clusterId }) => `${address} ${clusterId}`, maxLength: 6 },
);

const anyService = (name: string): fc.Arbitrary<MeshService> =>
  fc
    .record({
      addresses: fc.subarray(['10.96.0.1', '10.96.0.2', '10.96.0.3']),
      kind: fc.constantFrom('cluster-ip' as const, 'cluster-ip' as const, 'headless' as const),
      createdAtMs: fc.nat(2),
      clusterLocal: fc.boolean(),
      exportTo: fc.constantFrom<readonly string[]>([], [], ['.'], ['default']),
    })
    .map(({ addresses, ...changes }) =>
      service(name, ['http:80', 'tcp:81'], { ...changes, addresses: { 'cluster-1': addresses } }),
    );

export const anyMeshParts: fc.Arbitrary<Required<Pick<MeshParts, 'services' | 'endpoints' | 'gateways'>>> = fc.record({
  services: fc.tuple(...names.map((name) => anyService(name))),
  endpoints: fc.record(
    Object.fromEntries(names.map((name) => [service(name, []).host, anyEndpoints] as const)),
  ) as fc.Arbitrary<Record<string, readonly Endpoint[]>>,
  gateways: anyGateways,
});
