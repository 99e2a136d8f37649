import { hostname } from '../../../discovery/model/names.ts';
import { endpoint, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

export const golden: GoldenCase = {
  shows: 'Two services claim one virtual IP, one is known by a short name of another: each domain has one owner.',
  proxy: sidecar({ namespace: 'shop' }),
  mesh: mesh({
    services: [
      service('shop/store', ['http:80', 'tcp:81'], { addresses: { 'cluster-1': ['10.96.0.60'] }, createdAtMs: 5 }),
      service('old/store', ['http:80', 'tcp:81'], { addresses: { 'cluster-1': ['10.96.0.60'] }, createdAtMs: 2 }),
      service('store.shop', ['http:80'], { host: hostname('store.shop'), createdAtMs: 9 }),
      service('hidden/secret', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.61'] }, exportTo: ['.'] }),
      service('shop/only-there', ['http:80', 'tcp:82'], { addresses: { 'cluster-2': ['10.97.0.62'] } }),
    ],
    endpoints: { 'store.shop.svc.cluster.local': [endpoint('cluster-1/network1', '10.1.0.5', { http: 80, tcp: 81 })] },
  }),
};
