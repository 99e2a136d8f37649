import { hostname, objectKey } from '../../../discovery/model/names.ts';
import type { EntryDetails, MeshService, ServicePort } from '../../../discovery/model/service.ts';
import { endpoint, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const entry = (
  host: string,
  ports: readonly (string | ServicePort)[],
  changes: Partial<EntryDetails> & { readonly addresses?: readonly string[] } = {},
): MeshService => {
  const { addresses = [], ...details } = changes;
  return service(host, ports, {
    host: hostname(host),
    name: host,
    addresses: { 'cluster-1': addresses },
    entry: {
      source: objectKey('ServiceEntry', 'default', host),
      resolution: 'none',
      isExternal: true,
      ranges: [],
      subjectAltNames: [],
      ...details,
    },
  });
};

const outside = (address: string, ports: Readonly<Record<string, number>>, changes = {}) =>
  endpoint('cluster-1/', address, ports, { tlsMode: 'disabled', anyNetwork: true, ...changes });

export const golden: GoldenCase = {
  shows:
    'ServiceEntries: where the caller meant (NONE), STATIC, DNS and DNS_ROUND_ROBIN; by server name on a shared port, by addresses, by blocks of them and by port alone; outside the mesh without mTLS, inside with it; allocated addresses for who answers DNS.',
  proxy: sidecar({ dnsCapture: true }),
  names: true,
  mesh: mesh({
    services: [
      entry('api.example.com', ['https:443', 'http:80'], { resolution: 'dns' }),
      entry('*.wild.example.com', ['tls:443', 'http-wild:80']),
      entry('round.example.com', ['http:8080'], { resolution: 'dns-round-robin', addresses: ['192.0.2.10'] }),
      entry('legacy.example.com', ['tcp:9000'], { resolution: 'static', ranges: ['198.51.100.0/24'] }),
      entry('anything.example.com', ['tcp:9001']),
      entry('vm.example.com', ['http-vm:8081', 'mongo:27017'], {
        resolution: 'static',
        isExternal: false,
        addresses: ['192.0.2.20'],
        subjectAltNames: ['spiffe://cluster.local/ns/vms/sa/extra'],
      }),
    ],
    endpoints: {
      'api.example.com': [outside('api.example.com', { https: 443, http: 80 })],
      'round.example.com': [outside('backend.example.net', { http: 8080 })],
      'legacy.example.com': [outside('203.0.113.5', { tcp: 9000 })],
      'vm.example.com': [
        outside('203.0.113.7', { 'http-vm': 8081, mongo: 27018 }, { tlsMode: 'istio', weight: 3 }),
        outside('203.0.113.8', { 'http-vm': 8081, mongo: 27017 }),
      ],
    },
  }),
};
