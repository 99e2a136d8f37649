import { endpoint, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

export const golden: GoldenCase = {
  shows: 'A proxy that announces TPROXY takes inbound connections as they are and calls its workload from the caller’s address.',
  proxy: sidecar({ interceptionMode: 'TPROXY' }),
  mesh: mesh({
    services: [service('sleep', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.11'] } })],
    endpoints: {
      'sleep.default.svc.cluster.local': [endpoint('cluster-1/network1@region1/zone1', '10.1.0.9', { http: 8080 })],
    },
  }),
};
