import { endpoint, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

export const golden: GoldenCase = {
  shows: 'A workload with IPv6 only, in a mesh that sends nothing to hosts it does not know.',
  proxy: sidecar({ addresses: ['fd00::9'] }),
  mesh: mesh({
    config: { outboundTrafficPolicy: 'registry-only' },
    services: [service('store', ['http:80', 'tcp:5432'], { addresses: { 'cluster-1': ['fd00:96::1'] } })],
    endpoints: {
      'store.default.svc.cluster.local': [
        endpoint('cluster-1/network1', 'fd00::9', { http: 8080, tcp: 5432 }),
        endpoint('cluster-1/network1', 'fd00::a', { http: 8080, tcp: 5432 }),
      ],
    },
  }),
};
