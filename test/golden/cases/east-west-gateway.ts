import {
  destinationRule,
  eastWestGateway,
  endpoint,
  gateway,
  mesh,
  router,
  service,
} from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const hello = 'helloworld.default.svc.cluster.local';
const remote = 'remote.default.svc.cluster.local';
const inside = 'inside.default.svc.cluster.local';
const bare = 'bare.default.svc.cluster.local';

export const golden: GoldenCase = {
  shows: 'One chain for each exported port and subset with mTLS endpoints on the own network; nothing for other hosts.',
  proxy: router(),
  mesh: mesh({
    services: [
      service('helloworld', ['http:5000', 'tcp:5001'], { addresses: { 'cluster-1': ['10.96.0.10'] } }),
      service('remote', ['http:80'], { addresses: { 'cluster-2': ['10.97.0.11'] } }),
      service('inside', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.12'] }, clusterLocal: true }),
      service('bare', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.13'] } }),
      service('istio-system/gw', ['tls:15443'], { addresses: { 'cluster-1': ['10.96.0.14'] } }),
    ],
    endpoints: {
      [hello]: [
        endpoint('cluster-1/network1', '10.1.0.5', { http: 5000, tcp: 5001 }, { labels: { version: 'v1' } }),
        endpoint('cluster-3/network1', '10.3.0.5', { http: 5000 }, { labels: { version: 'v1' } }),
        endpoint('cluster-1/network1', '10.1.0.6', { http: 5000 }, { labels: { version: 'v1' }, tlsMode: 'disabled' }),
        endpoint('cluster-2/network2', '10.2.0.5', { http: 5000 }, { labels: { version: 'v2' } }),
      ],
      [remote]: [endpoint('cluster-2/network2', '10.2.0.6', { http: 80 })],
      [inside]: [endpoint('cluster-1/network1', '10.1.0.7', { http: 80 })],
      [bare]: [endpoint('cluster-1/network1', '10.1.0.8', { http: 80 }, { tlsMode: 'disabled' })],
      'gw.istio-system.svc.cluster.local': [
        endpoint('cluster-1/network1', '10.1.0.2', { tls: 25_443 }, { tlsMode: 'disabled' }),
      ],
    },
    gateways: [gateway('network2', 'cluster-2', '172.30.0.2')],
    policies: [
      eastWestGateway(),
      destinationRule('helloworld', hello, {
        subsets: [
          { name: 'v1', labels: { version: 'v1' }, trafficPolicy: {} },
          { name: 'v2', labels: { version: 'v2' }, trafficPolicy: {} },
        ],
      }),
    ],
  }),
};
