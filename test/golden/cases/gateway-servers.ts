import { hostname, objectKey } from '../../../discovery/model/names.ts';
import type { GatewayPolicy, GatewayServer, ServerTls } from '../../../discovery/model/policy.ts';
import { httpRoute, mesh, router, service, virtualService } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const shop = 'shop.default.svc.cluster.local';
const checks = { subjectAltNames: [], certificateSpkis: [], certificateHashes: [], cipherSuites: [] };
const secret = (name: string, changes: Partial<ServerTls> = {}): ServerTls => ({
  certificates: { kind: 'secrets', names: [name], field: 'spec.servers[0].tls.credentialName' },
  ...checks,
  ...changes,
});
const gatewayOf = (name: string, createdAtMs: number, servers: readonly GatewayServer[]): GatewayPolicy => ({
  kind: 'Gateway',
  source: objectKey('Gateway', 'default', name),
  name,
  namespace: 'default',
  createdAtMs,
  exportTo: [],
  selector: { istio: 'edge' },
  servers,
});
const https = (name: string, host: string, changes: Partial<GatewayServer> = {}): GatewayServer => ({
  port: 443,
  name,
  protocol: 'https',
  hosts: [host],
  tlsMode: 'simple',
  tls: secret(name),
  ...changes,
});

export const golden: GoldenCase = {
  shows: 'Servers of several Gateways share ports: plain HTTP by virtual host, TLS by server name, ended or passed on.',
  proxy: router({ labels: { istio: 'edge' }, requestedNetworks: [] }),
  mesh: mesh({
    services: [service('shop', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.50'] } })],
    policies: [
      gatewayOf('first', 1, [
        { port: 80, name: 'http', protocol: 'http', hosts: ['a.example.com'], httpsRedirect: true },
        { port: 81, name: 'bound', protocol: 'http2', hosts: ['*'], bind: '10.0.0.9' },
        https('a', 'a.example.com', {
          tls: secret('a', { minVersion: '1.3', cipherSuites: ['ECDHE-RSA-AES128-GCM-SHA256'] }),
        }),
        https('b', 'b.example.com', {
          tlsMode: 'mutual',
          tls: secret('b', {
            clientRoots: { kind: 'secret', name: 'b', field: 'spec.servers[3].tls.credentialName' },
            subjectAltNames: ['client.example.com'],
            certificateHashes: ['ab'.repeat(32)],
          }),
        }),
        https('mesh', '*.mesh.example.com', { tlsMode: 'istio-mutual', tls: undefined }),
        { port: 443, name: 'passed', protocol: 'tls', hosts: ['c.example.com'], tlsMode: 'passthrough' },
        https('ended', 'd.example.com', {
          protocol: 'tls',
          tlsMode: 'optional-mutual',
          tls: {
            ...secret('d', { clientRoots: { kind: 'secret', name: 'roots', field: 'spec.servers[6].tls' } }),
            certificates: { kind: 'secrets', names: ['rsa', 'ecdsa'], field: 'spec.servers[6].tls.credentialNames' },
          },
        }),
      ]),
      gatewayOf('second', 2, [
        { port: 80, name: 'http', protocol: 'grpc', hosts: ['default/*.example.com'] },
        { port: 443, name: 'conflict', protocol: 'tcp', hosts: ['*'] },
        https('again', 'a.example.com'),
      ]),
      virtualService('all', ['*.example.com'], [httpRoute([shop])], {
        gateways: ['default/first', 'default/second'],
        tls: [
          {
            matches: [
              { destinationSubnets: [], sourceLabels: {}, gateways: [], sniHosts: ['c.example.com', 'a.example.com'] },
            ],
            destinations: [{ destination: { host: hostname(shop) }, weight: 100 }],
          },
        ],
      }),
      virtualService('bytes', ['d.example.com'], [], {
        gateways: ['default/first'],
        tcp: [{ matches: [], destinations: [{ destination: { host: hostname(shop) }, weight: 100 }] }],
      }),
    ],
  }),
};
