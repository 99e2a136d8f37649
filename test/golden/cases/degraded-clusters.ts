import { endpoint, gateway, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const store = 'store.default.svc.cluster.local';
const only = 'only.default.svc.cluster.local';

export const golden: GoldenCase = {
  shows:
    'Endpoints and gateways of degraded clusters come second; a gateway shared with a healthy cluster and a service without others stay first.',
  proxy: sidecar(),
  mesh: mesh({
    services: [
      service('store', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.50'] } }),
      service('only', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.51'] } }),
    ],
    endpoints: {
      [store]: [
        endpoint('cluster-1/network1@r1/a', '10.1.0.5', { http: 80 }),
        endpoint('cluster-2/network1@r1/a', '10.1.9.5', { http: 80 }),
        endpoint('cluster-3/network3@r3/a', '10.3.0.5', { http: 80 }),
        endpoint('cluster-4/network4@r4/a', '10.4.0.5', { http: 80 }),
        endpoint('cluster-5/network4@r4/a', '10.4.9.5', { http: 80 }),
      ],
      [only]: [endpoint('cluster-3/network3@r3/a', '10.3.0.6', { http: 80 })],
    },
    gateways: [gateway('network3', 'cluster-3', '172.30.0.3'), gateway('network4', 'cluster-4', '172.30.0.4')],
    degradedClusters: ['cluster-2', 'cluster-3', 'cluster-5'],
  }),
};
