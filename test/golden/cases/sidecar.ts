import { hostname, objectKey } from '../../../discovery/model/names.ts';
import type { SidecarPolicy } from '../../../discovery/model/policy.ts';
import { endpoint, httpRoute, mesh, service, sidecar, virtualService } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const cart = 'cart.default.svc.cluster.local';
const web = 'web.default.svc.cluster.local';
const everything = hostname('*');

const limits: SidecarPolicy = {
  kind: 'Sidecar',
  source: objectKey('Sidecar', 'default', 'limits'),
  name: 'limits',
  namespace: 'default',
  createdAtMs: 1,
  exportTo: [],
  selector: { app: 'web' },
  egress: [
    { port: 3306, bind: '127.0.0.1', uncaptured: true, hosts: [{ namespace: 'data', host: everything }] },
    { uncaptured: false, hosts: [{ namespace: '.', host: everything }] },
  ],
  ingress: [
    { port: 9080, protocol: 'http', name: 'http', uncaptured: false, endpoint: { kind: 'loopback', address: '127.0.0.1', port: 8080 } },
    { port: 9081, protocol: 'tcp', name: 'tcp', uncaptured: false, bind: '10.1.0.1', endpoint: { kind: 'workload', port: 8081 } },
    { port: 9082, protocol: 'http', name: 'socket', uncaptured: true, endpoint: { kind: 'socket', path: '/run/app.sock' } },
  ],
  outboundTrafficPolicy: 'registry-only',
};

export const golden: GoldenCase = {
  shows:
    'A Sidecar: hosts of the own namespace, one port of another namespace on the loopback, hosts that routes lead to, nothing else; listeners of its own for what comes in.',
  proxy: sidecar({ labels: { app: 'web' }, addresses: ['10.1.0.1'] }),
  mesh: mesh({
    services: [
      service('web', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.1'] } }),
      service('cart', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.2'] } }),
      service('data/store', ['tcp-sql:3306', 'http-admin:80'], { addresses: { 'cluster-1': ['10.96.0.3'] } }),
      service('other/hidden', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.4'] } }),
      service('other/routed', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.5'] } }),
    ],
    endpoints: {
      [web]: [endpoint('cluster-1/network1', '10.1.0.1', { http: 9080 })],
      [cart]: [endpoint('cluster-1/network1', '10.1.0.2', { http: 8080 })],
    },
    policies: [
      limits,
      virtualService('cart', [cart], [httpRoute(['routed.other.svc.cluster.local:80'])]),
      virtualService('other/unseen', [web], [httpRoute(['hidden.other.svc.cluster.local:80'])]),
    ],
  }),
};
