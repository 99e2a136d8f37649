import {
  endpoint,
  gateway,
  httpMatch,
  httpRoute,
  mesh,
  router,
  service,
  virtualService,
} from '../../support/mesh-model.ts';
import type { GatewayPolicy } from '../../../discovery/model/policy.ts';
import { objectKey } from '../../../discovery/model/names.ts';
import type { GoldenCase } from '../golden.ts';

const shop = 'shop.default.svc.cluster.local';
const ingress: GatewayPolicy = {
  kind: 'Gateway',
  source: objectKey('Gateway', 'default', 'public'),
  name: 'public',
  namespace: 'default',
  createdAtMs: 1,
  exportTo: [],
  selector: { istio: 'ingressgateway' },
  servers: [{ port: 80, name: 'http', protocol: 'http', hosts: ['*.example.com', 'other/*.example.org'] }],
};

export const golden: GoldenCase = {
  shows: 'A gateway that serves plain HTTP for the hosts of the VirtualServices that name it, on its pod port.',
  proxy: router({ labels: { istio: 'ingressgateway' }, requestedNetworks: [] }),
  mesh: mesh({
    services: [
      service('shop', ['http:8000'], { addresses: { 'cluster-1': ['10.96.0.70'] } }),
      service('istio-system/ingress', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.71'] } }),
    ],
    endpoints: {
      [shop]: [
        endpoint('cluster-1/network1', '10.1.0.5', { http: 8080 }),
        endpoint('cluster-2/network2', '10.2.0.5', { http: 8080 }),
      ],
      'ingress.istio-system.svc.cluster.local': [endpoint('cluster-1/network1', '10.1.0.2', { http: 8080 })],
    },
    gateways: [gateway('network2', 'cluster-2', '172.30.0.2')],
    policies: [
      ingress,
      virtualService('shop', ['shop.example.com', '*.shop.example.com'], [httpRoute([shop])], {
        gateways: ['default/public'],
      }),
      virtualService(
        'inside',
        [shop],
        [httpRoute([shop], { matches: [httpMatch({ uri: { kind: 'prefix', value: '/inside' } })] })],
      ),
      virtualService('elsewhere', ['shop.example.net', 'shop.example.org'], [httpRoute([shop])], {
        gateways: ['default/public'],
      }),
    ],
  }),
};
