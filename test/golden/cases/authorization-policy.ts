import { convertPolicy } from '../../../discovery/policy/convert-policy.ts';
import type { Policy } from '../../../discovery/model/policy.ts';
import { objectOf, type Manifest } from '../../support/kube-objects.ts';
import { endpoint, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

function policy(name: string, spec: Manifest, annotations: Readonly<Record<string, string>> = {}): Policy {
  const metadata = { name, namespace: 'default', annotations };
  const manifest = { apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy', metadata, spec };
  const { value, standIn, problems } = convertPolicy(objectOf(manifest), { domain: 'cluster.local' }) ?? { problems: [] };
  const found = value ?? standIn;
  if (found === undefined) throw new Error(JSON.stringify(problems));
  return found;
}

export const golden: GoldenCase = {
  shows:
    'AuthorizationPolicies of every action on an HTTP and a TCP port: every source, operation and condition, a dry run, two providers, and one that can not be expressed.',
  proxy: sidecar(),
  mesh: mesh({
    config: {
      trustDomain: 'example.org',
      trustDomainAliases: ['old.example.org'],
      extensionProviders: [
        {
          kind: 'ext-authz-http',
          name: 'opa',
          service: 'web.default.svc.cluster.local',
          port: 80,
          timeoutMs: 500,
          failOpen: false,
          statusOnError: 503,
          body: { maxBytes: 4096, allowPartial: true, asBytes: false },
          pathPrefix: '/check',
          requestHeaders: ['x-user', 'x-tenant-*'],
          addedHeaders: { 'x-asked-by': 'mesh' },
          headersToUpstreamOnAllow: ['x-role'],
          headersToDownstreamOnDeny: ['x-reason'],
          headersToDownstreamOnAllow: [],
        },
      ].map((provider) => ({ ...provider, kind: 'ext-authz-http' as const, service: provider.service as never })),
    },
    services: [service('web', ['http:80', 'tcp-data:81'], { addresses: { 'cluster-1': ['10.96.0.40'] } })],
    endpoints: {
      'web.default.svc.cluster.local': [
        endpoint('cluster-1/network1', '10.1.0.9', { http: 8080, 'tcp-data': 8081 }),
      ],
    },
    policies: [
      policy('allow', {
        rules: [
          {
            from: [
              { source: { principals: ['cluster.local/ns/shop/sa/cart', '*/sa/batch'], notNamespaces: ['legacy'] } },
              { source: { serviceAccounts: ['shop/web'], ipBlocks: ['10.0.0.0/8', '192.0.2.7'] } },
              { source: { requestPrincipals: ['https://issuer.example.org/ada'], remoteIpBlocks: ['2001:db8::/32'] } },
            ],
            to: [
              {
                operation: {
                  hosts: ['web.example.org', '*.web.example.org'],
                  methods: ['GET', 'HEAD'],
                  paths: ['/api/*', '/items/{*}/parts/{**}'],
                  notPaths: ['/api/admin*'],
                  ports: ['8080'],
                },
              },
            ],
            when: [
              { key: 'request.headers[x-team]', values: ['blue', 'green'] },
              { key: 'request.auth.claims[groups]', values: ['ops'] },
              { key: 'request.auth.claims[realm][role]', notValues: ['guest'] },
              { key: 'request.auth.audiences', values: ['web'] },
              { key: 'request.auth.presenter', values: ['cli'] },
              { key: 'destination.port', values: ['8080'] },
              { key: 'connection.sni', values: ['*'] },
            ],
          },
          { to: [{ operation: { ports: ['8081'] } }] },
        ],
      }),
      policy(
        'aliases',
        { rules: [{ from: [{ source: { principals: ['example.org/ns/shop/sa/cart'] } }] }] },
        { 'isthmus.io/trust-domain-aliases': 'true' },
      ),
      policy('deny', {
        action: 'DENY',
        rules: [
          {
            from: [{ source: { notPrincipals: ['*'] } }],
            to: [{ operation: { paths: ['/secret'] } }],
            when: [{ key: 'source.ip', notValues: ['127.0.0.1'] }],
          },
        ],
      }),
      policy('audit', { action: 'AUDIT', rules: [{ to: [{ operation: { methods: ['DELETE'] } }] }] }),
      policy('tried', { action: 'DENY', rules: [{}] }, { 'istio.io/dry-run': 'true' }),
      policy('ask', {
        action: 'CUSTOM',
        provider: { name: 'opa' },
        rules: [{ to: [{ operation: { paths: ['/asked*'] } }] }],
      }),
      policy('ask-nobody', {
        action: 'CUSTOM',
        provider: { name: 'nobody' },
        rules: [{ to: [{ operation: { paths: ['/unasked'] } }] }],
      }),
      policy('broken', { selector: { matchLabels: { app: 'other' } }, action: 'PERMIT', rules: [] }),
    ],
  }),
};
