import { endpoint, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const kafka = 'kafka.shop.svc.cluster.local';
const local = 'local.shop.svc.cluster.local';
const broker = { broker: 9092 };

export const golden: GoldenCase = {
  shows:
    'Names: virtual IPs of the own cluster and family, pods of headless services on the own network, of equal host names the own cluster’s, never one that is not ready; allocated addresses for what only others have.',
  proxy: sidecar({ namespace: 'shop' }),
  names: true,
  mesh: mesh({
    services: [
      service('shop/store', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.60', 'fd00::60'], 'cluster-2': ['10.97.0.60'] } }),
      service('shop/only-there', ['http:80'], { addresses: { 'cluster-2': ['10.97.0.62'] } }),
      service('other/hidden', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.61'] }, exportTo: ['.'] }),
      service('shop/kafka', ['tcp-broker:9092'], { kind: 'headless' }),
      service('shop/local', ['tcp-broker:9092'], { kind: 'headless', clusterLocal: true }),
      service('shop/empty', ['tcp:80'], { kind: 'headless' }),
      service('shop/pods-there', ['tcp:80'], { kind: 'headless', addresses: { 'cluster-2': [] } }),
    ].map((one) => (['local', 'empty'].includes(one.name) ? { ...one, clusters: [mesh({}).primary] } : one)),
    endpoints: {
      [kafka]: [
        endpoint('cluster-1/network1', '10.1.0.5', broker, { hostname: 'kafka-0' }),
        endpoint('cluster-1/network1', '10.1.0.6', broker, { hostname: 'kafka-1', health: 'unhealthy' }),
        endpoint('cluster-2/network1', '10.1.9.5', broker, { hostname: 'kafka-0' }),
        endpoint('cluster-2/network1', '10.1.9.7', broker, { hostname: 'kafka-2' }),
        endpoint('cluster-3/network3', '10.3.0.8', broker, { hostname: 'kafka-3' }),
      ],
      [local]: [
        endpoint('cluster-1/network1', '10.1.0.20', broker, { hostname: 'local-0' }),
        endpoint('cluster-2/network1', '10.1.9.20', broker, { hostname: 'local-1' }),
      ],
    },
  }),
};
