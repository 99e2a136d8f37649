import { declaredRule } from '../../support/declared-rule.ts';
import { endpoint, gateway, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const names = ['plain', 'outside', 'unnamed', 'checked', 'mutual', 'anywhere', 'fixed', 'everywhere'];
const hosts = names.map((name) => `${name}.default.svc.cluster.local`);
const inCluster2 = { 'topology.istio.io/cluster': 'cluster-2' };

export const golden: GoldenCase = {
  shows: 'TLS modes; without mesh mTLS nothing goes through a gateway; ports and subsets have policies of their own.',
  proxy: sidecar(),
  mesh: mesh({
    services: names.map((name) => service(name, ['http:80', 'grpc:90'], { addresses: { 'cluster-1': [] } })),
    endpoints: Object.fromEntries(
      hosts.map((host, index) => [
        host,
        [
          endpoint('cluster-1/network1', `10.1.1.${index}`, { http: 8080, grpc: 9090 }),
          endpoint('cluster-2/network2', `10.2.1.${index}`, { http: 8080, grpc: 9090 }, { labels: inCluster2 }),
        ],
      ]),
    ),
    gateways: [gateway('network2', 'cluster-2', '172.30.0.2')],
    policies: [
      declaredRule('plain', {
        host: 'plain',
        trafficPolicy: { tls: { mode: 'DISABLE' }, loadBalancer: { simple: 'ROUND_ROBIN' } },
      }),
      declaredRule('outside', {
        host: 'outside',
        trafficPolicy: { tls: { mode: 'SIMPLE', sni: 'outside.example.com' } },
      }),
      declaredRule('unnamed', {
        host: 'unnamed',
        trafficPolicy: { tls: { mode: 'SIMPLE', insecureSkipVerify: true } },
      }),
      declaredRule('checked', {
        host: 'checked',
        trafficPolicy: {
          tls: { mode: 'SIMPLE', subjectAltNames: ['checked.example.com', '192.0.2.7', 'spiffe://a/b'] },
        },
      }),
      declaredRule('mutual', {
        host: 'mutual',
        trafficPolicy: {
          tls: { mode: 'ISTIO_MUTUAL', subjectAltNames: ['spiffe://cluster.local/ns/default/sa/one'] },
          connectionPool: { tcp: { connectTimeout: '1s' } },
          portLevelSettings: [{ port: { number: 90 }, loadBalancer: { simple: 'RANDOM' } }],
        },
      }),
      declaredRule('anywhere', { host: 'anywhere', trafficPolicy: { loadBalancer: { simple: 'PASSTHROUGH' } } }),
      declaredRule('istio-system/all', {
        host: '*.default.svc.cluster.local',
        trafficPolicy: { loadBalancer: { simple: 'LEAST_REQUEST' } },
      }),
      declaredRule('other/fixed', { host: hosts[6], trafficPolicy: { tls: { mode: 'DISABLE' } } }),
      declaredRule('everywhere', {
        host: 'everywhere',
        trafficPolicy: { loadBalancer: { simple: 'ROUND_ROBIN' }, connectionPool: { tcp: { maxConnections: 7 } } },
        subsets: [
          { name: 'there', labels: inCluster2 },
          {
            name: 'v1',
            labels: { version: 'v1' },
            trafficPolicy: {
              loadBalancer: { simple: 'RANDOM' },
              portLevelSettings: [{ port: { number: 90 }, tls: { mode: 'DISABLE' } }],
            },
          },
        ],
      }),
    ],
  }),
};
