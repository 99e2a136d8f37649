import { endpoint, gateway, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const host = 'store.default.svc.cluster.local';

export const golden: GoldenCase = {
  shows:
    'Two gateways stand for three pods in two zones, one for two clusters; a network without gateway gets nothing.',
  proxy: sidecar(),
  mesh: mesh({
    services: [service('store', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.50'] } })],
    endpoints: {
      [host]: [
        endpoint('cluster-1/network1@r1/a', '10.1.0.5', { http: 80 }),
        endpoint('cluster-1/network1@r1/b', '10.1.0.6', { http: 80 }),
        endpoint('cluster-2/network2@r2/a', '10.2.0.5', { http: 80 }),
        endpoint('cluster-2/network2@r2/a', '10.2.0.6', { http: 80 }),
        endpoint('cluster-2/network2@r2/b', '10.2.0.7', { http: 80 }),
        endpoint('cluster-3/network3@r3/a', '10.3.0.5', { http: 80 }),
        endpoint('cluster-4/network3@r4/a', '10.4.0.5', { http: 80 }),
        endpoint('cluster-4/network3@r4/a', '10.4.0.6', { http: 80 }, { tlsMode: 'disabled' }),
        endpoint('cluster-5/network5@r5/a', '10.5.0.5', { http: 80 }),
      ],
    },
    gateways: [
      gateway('network2', 'cluster-2', '172.30.0.2'),
      gateway('network2', 'cluster-2', '172.30.0.3'),
      gateway('network3', 'cluster-3', '172.30.0.4'),
    ],
  }),
};
