import { declaredRule } from '../../support/declared-rule.ts';
import { httpRoute, mesh, service, sidecar, virtualService } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const balancers = {
  header: { consistentHash: { httpHeaderName: 'x-user' } },
  cookie: {
    consistentHash: {
      httpCookie: { name: 'user', ttl: '0s', path: '/shop', attributes: [{ name: 'SameSite', value: 'Strict' }] },
      ringHash: { minimumRingSize: 4096 },
    },
  },
  query: { consistentHash: { httpQueryParameterName: 'user', maglev: { tableSize: 5003 } } },
  source: { consistentHash: { useSourceIp: true, maglev: {} } },
  slow: { simple: 'ROUND_ROBIN', warmup: { duration: '30s', minimumPercent: 15, aggression: 2 } },
  slower: { warmupDurationSecs: '60s' },
};

export const golden: GoldenCase = {
  shows:
    'Consistent hashes: the table in the cluster, what is hashed in routes, by the subset they lead to, and in TCP ' +
    'listeners; warm-up.',
  proxy: sidecar(),
  mesh: mesh({
    services: [
      ...Object.keys(balancers).map((name) => service(name, ['http:80'], { addresses: { 'cluster-1': [] } })),
      service('data', ['tcp:6379'], { addresses: { 'cluster-1': ['10.96.0.9'] } }),
      service('split', ['http:80'], { addresses: { 'cluster-1': [] } }),
    ],
    policies: [
      ...Object.entries(balancers).map(([name, loadBalancer]) =>
        declaredRule(name, { host: name, trafficPolicy: { loadBalancer } }),
      ),
      declaredRule('data', {
        host: 'data',
        trafficPolicy: {
          loadBalancer: { consistentHash: { useSourceIp: true } },
          connectionPool: { tcp: { idleTimeout: '0s', maxConnectionDuration: '2h' } },
          tunnel: { protocol: 'POST', targetHost: 'data.example.com', targetPort: 6380 },
        },
      }),
      declaredRule('split', {
        host: 'split',
        subsets: [
          {
            name: 'v1',
            labels: { version: 'v1' },
            trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: 'x-one', minimumRingSize: 64 } } },
          },
          { name: 'v2', labels: { version: 'v2' } },
        ],
      }),
      virtualService(
        'split',
        ['split.default.svc.cluster.local'],
        [httpRoute(['split.default.svc.cluster.local/v1=50', 'split.default.svc.cluster.local/v2=50'])],
      ),
    ],
  }),
};
