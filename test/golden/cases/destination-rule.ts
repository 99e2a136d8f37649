import { destinationRule, endpoint, gateway, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const hosts = ['plain', 'outside', 'mutual', 'anywhere', 'fixed'].map((name) => `${name}.default.svc.cluster.local`);
const [plain = '', outside = '', mutual = '', anywhere = '', fixed = ''] = hosts;

export const golden: GoldenCase = {
  shows: 'TLS modes and load balancers; without mesh mTLS nothing goes through a gateway; a port has its own policy.',
  proxy: sidecar(),
  mesh: mesh({
    services: ['plain', 'outside', 'mutual', 'anywhere', 'fixed'].map((name) =>
      service(name, ['http:80', 'grpc:90'], { addresses: { 'cluster-1': [] } }),
    ),
    endpoints: Object.fromEntries(
      hosts.map((host, index) => [
        host,
        [
          endpoint('cluster-1/network1', `10.1.1.${index}`, { http: 8080, grpc: 9090 }),
          endpoint('cluster-2/network2', `10.2.1.${index}`, { http: 8080, grpc: 9090 }),
        ],
      ]),
    ),
    gateways: [gateway('network2', 'cluster-2', '172.30.0.2')],
    policies: [
      destinationRule('plain', plain, { trafficPolicy: { tlsMode: 'disable', loadBalancer: 'round-robin' } }),
      destinationRule('outside', outside, { trafficPolicy: { tlsMode: 'simple', sni: 'outside.example.com' } }),
      destinationRule('mutual', mutual, {
        trafficPolicy: { tlsMode: 'istio-mutual', connectTimeoutMs: 1000 },
        portPolicies: new Map([[90, { loadBalancer: 'random' as const }]]),
      }),
      destinationRule('anywhere', anywhere, { trafficPolicy: { loadBalancer: 'passthrough' } }),
      destinationRule('istio-system/all', '*.default.svc.cluster.local', {
        trafficPolicy: { loadBalancer: 'least-request' },
      }),
      destinationRule('other/fixed', fixed, { trafficPolicy: { tlsMode: 'disable' } }),
    ],
  }),
};
