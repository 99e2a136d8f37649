import { hostname } from '../../../discovery/model/names.ts';
import { destinationRule, httpRoute, mesh, service, sidecar, virtualService } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const database = 'database.default.svc.cluster.local';
const secure = 'secure.default.svc.cluster.local';
const anywhere = { destinationSubnets: [], sourceLabels: {}, gateways: [] };
const to = (host: string, subset?: string) => ({ host: hostname(host), ...(subset === undefined ? {} : { subset }) });

export const golden: GoldenCase = {
  shows: 'Connections by weight, source and server name; routes of the wrong kind for a port are reported.',
  proxy: sidecar(),
  mesh: mesh({
    services: [
      service('database', ['tcp:5432'], { addresses: { 'cluster-1': ['10.96.0.40', 'fd00::40'] } }),
      service('secure', ['tls:443'], { addresses: { 'cluster-1': ['10.96.0.41'] } }),
      service('web', ['http:80'], { addresses: { 'cluster-1': ['10.96.0.42'] } }),
      service('raw', ['tcp:81'], { addresses: { 'cluster-1': ['10.96.0.43'] } }),
    ],
    policies: [
      destinationRule('database', database, {
        subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version }, trafficPolicy: {} })),
      }),
      virtualService('database', [database], [], {
        tcp: [
          {
            matches: [{ ...anywhere, sourceSubnet: '10.1.0.0/16', sourceLabels: { app: 'sleep' } }],
            destinations: [{ destination: to(database, 'v2'), weight: 100 }],
          },
          {
            matches: [{ ...anywhere, destinationSubnets: ['fd00::/64'] }],
            destinations: [{ destination: to('nowhere.example.com'), weight: 100 }],
          },
          {
            matches: [],
            destinations: [
              { destination: to(database, 'v1'), weight: 90 },
              { destination: to(database, 'v2'), weight: 10 },
            ],
          },
        ],
      }),
      virtualService('secure', [secure, '*.example.com'], [], {
        tls: [
          {
            matches: [{ ...anywhere, port: 443, sniHosts: ['a.example.com', '*.b.example.com'] }],
            destinations: [{ destination: to(database), weight: 100 }],
          },
          {
            matches: [{ ...anywhere, port: 443, sniHosts: ['*'] }],
            destinations: [{ destination: to(secure), weight: 100 }],
          },
        ],
      }),
      virtualService('web', ['web.default.svc.cluster.local'], [], {
        tcp: [{ matches: [], destinations: [{ destination: to(database), weight: 100 }] }],
      }),
      virtualService('raw', ['raw.default.svc.cluster.local'], [httpRoute([database])]),
    ],
  }),
};
