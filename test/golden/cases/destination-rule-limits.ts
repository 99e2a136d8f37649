import { declaredRule } from '../../support/declared-rule.ts';
import { endpoint, gateway, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const outlierDetection = {
  splitExternalLocalOriginErrors: true,
  consecutiveLocalOriginFailures: 3,
  consecutiveGatewayErrors: 4,
  consecutive5xxErrors: 0,
  interval: '2s',
  baseEjectionTime: '5s',
  maxEjectionPercent: 50,
  minHealthPercent: 20,
};

export const golden: GoldenCase = {
  shows: 'Connection pools, retry budget and outlier detection, which is another one where there are only gateways.',
  proxy: sidecar(),
  mesh: mesh({
    services: ['pool', 'upgraded', 'as-client', 'remote'].map((name) =>
      service(name, ['http:80'], { addresses: { 'cluster-1': [] } }),
    ),
    endpoints: {
      'pool.default.svc.cluster.local': [endpoint('cluster-1/network1', '10.1.0.5', { http: 8080 })],
      'remote.default.svc.cluster.local': [
        endpoint('cluster-2/network2', '10.2.0.5', { http: 8080 }),
        endpoint('cluster-2/network2', '10.2.0.6', { http: 8080 }),
      ],
    },
    gateways: [gateway('network2', 'cluster-2', '172.30.0.2')],
    policies: [
      declaredRule('pool', {
        host: 'pool',
        trafficPolicy: {
          connectionPool: {
            tcp: {
              maxConnections: 10,
              connectTimeout: '250ms',
              tcpKeepalive: { probes: 4, time: '600s', interval: '10s' },
              maxConnectionDuration: '1h',
              idleTimeout: '10s',
            },
            http: {
              http1MaxPendingRequests: 11,
              http2MaxRequests: 12,
              maxRequestsPerConnection: 13,
              maxRetries: 14,
              idleTimeout: '15s',
            },
          },
          retryBudget: { percent: 25, minRetryConcurrency: 5 },
          outlierDetection,
        },
      }),
      declaredRule('upgraded', {
        host: 'upgraded',
        trafficPolicy: {
          connectionPool: { http: { h2UpgradePolicy: 'UPGRADE', maxConcurrentStreams: 100 } },
          outlierDetection: { consecutiveErrors: 7 },
        },
      }),
      declaredRule('as-client', {
        host: 'as-client',
        trafficPolicy: {
          connectionPool: { http: { h2UpgradePolicy: 'UPGRADE', useClientProtocol: true } },
          tls: { mode: 'SIMPLE' },
        },
      }),
      declaredRule('remote', { host: 'remote', trafficPolicy: { outlierDetection } }),
    ],
  }),
};
