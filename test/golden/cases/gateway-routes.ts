import { hostname, objectKey } from '../../../discovery/model/names.ts';
import type { GatewayPolicy } from '../../../discovery/model/policy.ts';
import { httpMatch, httpRoute, mesh, router, service, virtualService } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const shop = 'shop.default.svc.cluster.local';
const vault = 'vault.default.svc.cluster.local';
const queue = 'queue.default.svc.cluster.local';
const wherever = 'wherever.example.org';
const edge: GatewayPolicy = {
  kind: 'Gateway',
  source: objectKey('Gateway', 'default', 'edge'),
  name: 'edge',
  namespace: 'default',
  createdAtMs: 1,
  exportTo: [],
  selector: { istio: 'edge' },
  servers: [
    { port: 80, name: 'http', protocol: 'http', hosts: ['*'] },
    { port: 443, name: 'tls', protocol: 'tls', hosts: ['*.example.com'], tlsMode: 'passthrough' },
    { port: 9000, name: 'tcp', protocol: 'tcp', hosts: ['*'] },
  ],
};
const to = (host: string) => [{ destination: { host: hostname(host) }, weight: 100 }];
const prefix = (value: string) => httpMatch({ uri: { kind: 'prefix', value } });
const anywhere = { destinationSubnets: [], sourceLabels: {}, gateways: [] };

export const golden: GoldenCase = {
  shows:
    'A gateway joins the routes of several VirtualServices for a host, passes TLS and TCP on, knows the endpoints of headless services, and leads nowhere for resolution NONE.',
  proxy: router({ labels: { istio: 'edge' }, requestedNetworks: [] }),
  mesh: mesh({
    services: [
      service('shop', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.50'] } }),
      service('queue', ['tls:443'], { kind: 'headless' }),
      {
        ...service('wherever', ['http:80']),
        host: hostname(wherever),
        name: wherever,
        entry: {
          source: objectKey('ServiceEntry', 'default', 'wherever'),
          resolution: 'none',
          isExternal: true,
          ranges: [],
          subjectAltNames: [],
        },
      },
      service('vault', ['tls:443'], { addresses: { 'cluster-1': ['10.96.0.51'] } }),
    ],
    policies: [
      edge,
      virtualService('queue', ['queue.example.com'], [], {
        gateways: ['default/edge'],
        createdAtMs: 3,
        tls: [{ matches: [{ ...anywhere, sniHosts: ['queue.example.com'] }], destinations: to(queue) }],
      }),
      virtualService('wherever', ['wherever.example.com'], [httpRoute([wherever])], { gateways: ['default/edge'] }),
      virtualService('all', ['shop.example.com'], [httpRoute([shop], { name: 'all' })], {
        gateways: ['default/edge'],
      }),
      virtualService(
        'cart',
        ['shop.example.com'],
        [httpRoute([shop], { name: 'cart', matches: [prefix('/cart')] }), httpRoute([vault], { name: 'never' })],
        { gateways: ['default/edge'], createdAtMs: 2 },
      ),
      virtualService('vault', ['vault.example.com'], [], {
        gateways: ['default/edge'],
        tls: [{ matches: [{ ...anywhere, sniHosts: ['vault.example.com'] }], destinations: to(vault) }],
        tcp: [{ matches: [{ ...anywhere, port: 9000 }], destinations: to(vault) }],
      }),
    ],
  }),
};
