import { endpoint, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

export const golden: GoldenCase = {
  shows: 'A workload with an address of each family listens on both wildcards.',
  proxy: sidecar({ addresses: ['10.1.0.9', 'fd00::9'] }),
  mesh: mesh({
    services: [service('store', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.20', 'fd00:96::1'] } })],
    endpoints: {
      'store.default.svc.cluster.local': [
        endpoint('cluster-1/network1', '10.1.0.9', { http: 8080 }),
        endpoint('cluster-1/network1', 'fd00::9', { http: 8080 }),
      ],
    },
  }),
};
