import {
  destinationRule,
  endpoint,
  gateway,
  httpRoute,
  mesh,
  service,
  sidecar,
  virtualService,
} from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const host = 'helloworld.default.svc.cluster.local';

export const golden: GoldenCase = {
  shows: 'A tenth of the requests to v2, which only the other cluster has; the rest to v1.',
  proxy: sidecar(),
  mesh: mesh({
    services: [
      service('helloworld', ['http:5000'], {
        addresses: { 'cluster-1': ['10.96.0.10'], 'cluster-2': ['10.97.0.10'] },
      }),
    ],
    endpoints: {
      [host]: [
        endpoint('cluster-1/network1', '10.1.0.5', { http: 5000 }, { labels: { version: 'v1' } }),
        endpoint('cluster-2/network2', '10.2.0.5', { http: 5000 }, { labels: { version: 'v2' } }),
      ],
    },
    gateways: [gateway('network2', 'cluster-2', '172.30.0.2')],
    policies: [
      virtualService('helloworld', [host], [httpRoute([`${host}/v1=90`, `${host}/v2=10`])]),
      destinationRule('helloworld', host, {
        trafficPolicy: { loadBalancer: { algorithm: 'round-robin' } },
        subsets: [
          { name: 'v1', labels: { version: 'v1' }, trafficPolicy: {} },
          { name: 'v2', labels: { version: 'v2' }, trafficPolicy: { loadBalancer: { algorithm: 'random' } } },
        ],
      }),
    ],
  }),
};
