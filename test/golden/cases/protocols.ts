import { endpoint, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const store = 'store.default.svc.cluster.local';
const brokers = 'brokers.default.svc.cluster.local';

export const golden: GoldenCase = {
  shows: 'HTTP/1, gRPC, TCP, headless and external services, one of them an address; MeshConfig asks for access logs.',
  proxy: sidecar(),
  mesh: mesh({
    config: { accessLogFile: '/dev/stdout', connectTimeoutMs: 2500 },
    services: [
      service('store', ['http-web:8080', 'grpc-api:9090', 'tcp-sql:3306', { name: 'dns', port: 53, protocol: 'udp' }], {
        addresses: { 'cluster-1': ['10.96.0.20'] },
      }),
      service('brokers', ['tcp-kafka:9092', 'http-admin:8080'], { kind: 'headless', clusters: [] }),
      service('search', ['https:443'], { kind: 'external-name', externalName: 'search.example.com' }),
      service('archive', ['http:80'], { kind: 'external-name', externalName: '2001:db8::7' }),
    ],
    endpoints: {
      [store]: [
        endpoint('cluster-1/network1', '10.1.0.7', { 'http-web': 8081, 'grpc-api': 9090, 'tcp-sql': 3306 }),
        endpoint('cluster-1/network1', '10.1.0.8', { 'http-web': 8081 }, { tlsMode: 'disabled', weight: 3 }),
        endpoint('cluster-1/network1', '10.1.0.10', { 'http-web': 8081 }, { health: 'draining' }),
        endpoint('cluster-1/network1', '10.1.0.11', { 'http-web': 8081 }, { health: 'unhealthy' }),
      ],
      [brokers]: [
        endpoint('cluster-1/network1', '10.1.0.12', { 'tcp-kafka': 9092, 'http-admin': 8080 }, { hostname: 'b-0' }),
        endpoint('cluster-2/network1', '10.2.0.12', { 'tcp-kafka': 9092, 'http-admin': 8080 }, { hostname: 'b-0' }),
      ],
    },
  }),
};
