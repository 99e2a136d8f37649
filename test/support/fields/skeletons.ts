// Objects to put a field into: for each kind the least that is valid, and others in which fields are read that exclude each other.

const host = 'store.default.svc.cluster.local';
const destination = { host };
const tlsServer = (mode: string) => ({
  port: { number: 443, name: 'https', protocol: 'HTTPS' },
  hosts: ['*'],
  tls: { mode, credentialName: 'certificate' },
});

const envoyPatch = (applyTo: string, match: object | undefined) => ({
  applyTo,
  ...(match === undefined ? {} : { match }),
  patch: {
    operation: 'ADD',
    value: {
      name: 'added',
      ...(applyTo === 'VIRTUAL_HOST' ? { domains: ['added.example.com'] } : {}),
      ...(/FILTER|EXTENSION/.test(applyTo)
        ? {
            typed_config: {
              '@type': 'type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer',
              max_request_bytes: 5,
            },
          }
        : {}),
    },
  },
});

const skeletons: Readonly<Record<string, readonly object[]>> = {
  VirtualService: [
    { hosts: [host], http: [{ route: [{ destination }] }] },
    { hosts: [host], tls: [{ match: [{ sniHosts: [host] }], route: [{ destination }] }] },
    { hosts: [host], tcp: [{ route: [{ destination }] }] },
    { hosts: [host], http: [{}] },
  ],
  DestinationRule: [
    { host },
    { host, subsets: [{ name: 'v1' }] },
    { host, trafficPolicy: { portLevelSettings: [{ port: { number: 80 } }] } },
    { host, subsets: [{ name: 'v1', trafficPolicy: { portLevelSettings: [{ port: { number: 80 } }] } }] },
  ],
  Gateway: [
    { selector: { app: 'gateway' }, servers: [tlsServer('SIMPLE')] },
    { selector: { app: 'gateway' }, servers: [{ ...tlsServer('SIMPLE'), tls: { mode: 'SIMPLE' } }] },
    { selector: { app: 'gateway' }, servers: [tlsServer('MUTUAL')] },
    {
      selector: { app: 'gateway' },
      servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
    },
  ],
  ServiceEntry: [
    { hosts: ['api.example.com'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'STATIC' },
    {
      hosts: ['api.example.com'],
      ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
      resolution: 'STATIC',
      endpoints: [{ address: '192.0.2.1' }],
    },
  ],
  WorkloadEntry: [{ address: '192.0.2.1' }],
  WorkloadGroup: [{ template: {} }],
  Sidecar: [
    { egress: [{ hosts: ['*/*'] }] },
    { ingress: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, defaultEndpoint: '127.0.0.1:8080' }] },
  ],
  PeerAuthentication: [
    { mtls: { mode: 'STRICT' } },
    { selector: { matchLabels: { app: 'store' } }, portLevelMtls: {} },
  ],
  RequestAuthentication: [{ jwtRules: [{ issuer: 'https://issuer.example.com' }] }],
  AuthorizationPolicy: [
    {},
    { action: 'CUSTOM', provider: { name: 'provider' } },
    { rules: [{ when: [{ key: 'request.headers[x]', values: ['y'] }] }] },
  ],
  Telemetry: [{}],
  EnvoyFilter: [
    { configPatches: [envoyPatch('CLUSTER', { cluster: {} })] },
    { configPatches: [envoyPatch('HTTP_FILTER', { listener: { filterChain: { filter: {} } } })] },
    { configPatches: [envoyPatch('VIRTUAL_HOST', { routeConfiguration: { vhost: { route: {} } } })] },
    { configPatches: [envoyPatch('EXTENSION_CONFIG', undefined)] },
  ],
  ProxyConfig: [{}],
};

export function skeletonsOf(kind: string): readonly object[] {
  return skeletons[kind] ?? [{}];
}
