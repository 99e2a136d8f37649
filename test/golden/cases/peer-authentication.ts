import { endpoint, mesh, peerAuthentication, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

export const golden: GoldenCase = {
  shows: 'Inbound chains of HTTP and TCP ports, strict by namespace, with one port permissive and two ports open, and a port that no service has permissive.',
  proxy: sidecar(),
  mesh: mesh({
    config: { trustDomain: 'example.org', trustDomainAliases: ['old.example.org'] },
    services: [
      service('web', ['http:80', 'tcp-strict:81', 'tcp-permissive:82', 'http-open:83', 'tcp-open:84'], {
        addresses: { 'cluster-1': ['10.96.0.40'] },
      }),
    ],
    endpoints: {
      'web.default.svc.cluster.local': [
        endpoint('cluster-1/network1', '10.1.0.9', {
          http: 8080,
          'tcp-strict': 8081,
          'tcp-permissive': 8082,
          'http-open': 8083,
          'tcp-open': 8084,
        }),
      ],
    },
    policies: [
      peerAuthentication('istio-system/mesh', { mode: 'disable' }),
      peerAuthentication('default/namespace', { mode: 'strict' }),
      peerAuthentication('default/sleep', {
        selector: { app: 'sleep' },
        portModes: new Map([
          [8082, 'permissive'],
          [8083, 'disable'],
          [8084, 'disable'],
          [9000, 'permissive'],
        ]),
      }),
    ],
  }),
};
