import { endpoint, gateway, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const helloworld = 'helloworld.default.svc.cluster.local';

export const golden: GoldenCase = {
  shows: 'A request from sleep reaches helloworld in its own cluster directly and in the other through its gateway.',
  proxy: sidecar(),
  mesh: mesh({
    services: [
      service('helloworld', ['http:5000'], {
        addresses: { 'cluster-1': ['10.96.0.10'], 'cluster-2': ['10.97.0.10'] },
      }),
      service('sleep', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.11'] } }),
    ],
    endpoints: {
      [helloworld]: [
        endpoint('cluster-1/network1@region1/zone1', '10.1.0.5', { http: 5000 }),
        endpoint('cluster-2/network2@region2/zone1', '10.2.0.5', { http: 5000 }),
      ],
      'sleep.default.svc.cluster.local': [endpoint('cluster-1/network1@region1/zone1', '10.1.0.9', { http: 8080 })],
    },
    gateways: [gateway('network2', 'cluster-2', '172.30.0.2')],
  }),
};
