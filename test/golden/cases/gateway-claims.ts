import { hostname, objectKey } from '../../../discovery/model/names.ts';
import { nobodysKeys } from '../../../discovery/convert/key-set.ts';
import { convertPolicy } from '../../../discovery/policy/convert-policy.ts';
import type { GatewayPolicy, Policy } from '../../../discovery/model/policy.ts';
import { objectOf, type Manifest } from '../../support/kube-objects.ts';
import { mesh, router, service } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const edge: GatewayPolicy = {
  kind: 'Gateway',
  source: objectKey('Gateway', 'default', 'edge'),
  name: 'edge',
  namespace: 'default',
  createdAtMs: 1,
  exportTo: [],
  selector: { istio: 'edge' },
  servers: [{ port: 80, name: 'http', protocol: 'http', hosts: ['*'] }],
};

function policy(kind: string, apiVersion: string, spec: Manifest): Policy {
  const object = objectOf({ apiVersion, kind, metadata: { name: 'shop', namespace: 'default' }, spec });
  const { value, problems = [] } = convertPolicy(object, { domain: 'cluster.local' }) ?? {};
  if (value === undefined) throw new Error(JSON.stringify(problems));
  return value;
}

const target = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'public' };
const shop = hostname('shop.default.svc.cluster.local');
const to = (port: number): Manifest => ({ route: [{ destination: { host: shop, port: { number: port } } }] });

export const golden: GoldenCase = {
  shows:
    'A gateway behind two trusted proxies chooses routes by claims of tokens; its policies are for it by the name of its Gateway.',
  proxy: router({
    namespace: 'default',
    labels: { istio: 'edge', 'gateway.networking.k8s.io/gateway-name': 'public' },
    requestedNetworks: [],
    topology: { trustedProxies: 2 },
  }),
  mesh: mesh({
    config: { gatewayTopology: { trustedProxies: 1, clientCertificate: 'append-forward' } },
    services: [service('shop', ['http:80', 'http-admin:81'], { addresses: { 'cluster-1': ['10.96.0.50'] } })],
    policies: [
      edge,
      policy('RequestAuthentication', 'security.istio.io/v1', {
        targetRefs: [target],
        jwtRules: [{ issuer: 'https://issuer.example', jwks: nobodysKeys }],
      }),
      policy('AuthorizationPolicy', 'security.istio.io/v1', {
        targetRefs: [target],
        rules: [{ from: [{ source: { remoteIpBlocks: ['192.0.2.0/24'] } }] }],
      }),
      policy('VirtualService', 'networking.istio.io/v1', {
        hosts: ['shop.example.com'],
        gateways: ['default/edge'],
        http: [
          { match: [{ headers: { '@request.auth.claims.realm.roles': { exact: 'admin' }, 'x-a': {} } }], ...to(81) },
          { match: [{ headers: { '@request.auth.claims[a.b]': {} } }], ...to(81) },
          { match: [{ withoutHeaders: { '@request.auth.claims.sub': { prefix: 'guest-' } } }], ...to(81) },
          to(80),
        ],
      }),
    ],
  }),
};
