import { declaredRule } from '../../support/declared-rule.ts';
import { endpoint, gateway, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const settings = {
  nearest: { enabled: true },
  failover: { failover: [{ from: 'r1', to: 'r3' }] },
  distribute: { distribute: [{ from: 'r1/*', to: { 'r1/a': 50, 'r1/*': 20, 'r2/*': 30 } }] },
  both: {
    distribute: [{ from: 'r1/a/*', to: { 'r1/a/*': 90, 'r1/b/*': 10 } }],
    failover: [{ from: 'r1', to: 'r2' }],
  },
  labels: { failoverPriority: ['topology.istio.io/network', 'version=v2'], failover: [{ from: 'r1', to: 'r3' }] },
  off: { enabled: false, failover: [{ from: 'r1', to: 'r3' }] },
};

const at = (network: string, cluster: string, zone: string, address: string, version = 'v1') =>
  endpoint(
    `${cluster}/${network}@${zone}`,
    address,
    { http: 8080 },
    { labels: { version, 'topology.istio.io/network': network, 'topology.istio.io/cluster': cluster } },
  );

export const golden: GoldenCase = {
  shows:
    'As seen from r1/a: the nearest first, percentages by place through gateways, too, both together, by labels; what ' +
    'stands for a degraded cluster comes last.',
  proxy: sidecar({ locality: { region: 'r1', zone: 'a', subzone: '' } }),
  mesh: mesh({
    services: Object.keys(settings).map((name) => service(name, ['http:80'], { addresses: { 'cluster-1': [] } })),
    endpoints: Object.fromEntries(
      Object.keys(settings).map((name, index) => [
        `${name}.default.svc.cluster.local`,
        [
          at('network1', 'cluster-1', 'r1/a', `10.1.${index}.5`),
          at('network1', 'cluster-1', 'r1/a', `10.1.${index}.6`, 'v2'),
          at('network1', 'cluster-1', 'r1/b', `10.1.${index}.7`),
          at('network2', 'cluster-2', 'r2/a', `10.2.${index}.5`),
          at('network2', 'cluster-2', 'r2/b', `10.2.${index}.6`),
          at('network2', 'cluster-2', 'r2/b', `10.2.${index}.7`, 'v2'),
          at('network3', 'cluster-3', 'r3/a', `10.3.${index}.5`),
          at('network4', 'cluster-4', 'r1/a', `10.4.${index}.5`),
        ],
      ]),
    ),
    gateways: [
      gateway('network2', 'cluster-2', '172.30.0.2'),
      gateway('network2', 'cluster-2', '172.30.0.3'),
      gateway('network3', 'cluster-3', '172.30.0.4'),
      gateway('network4', 'cluster-4', '172.30.0.5'),
    ],
    degradedClusters: ['cluster-4'],
    policies: Object.entries(settings).map(([name, localityLbSetting]) =>
      declaredRule(name, { host: name, trafficPolicy: { loadBalancer: { localityLbSetting } } }),
    ),
  }),
};
