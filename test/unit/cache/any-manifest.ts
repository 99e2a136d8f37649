// Any object of every kind that shapes what proxies are sent, in several forms each, as a user might write it next.

import fc from 'fast-check';
import {
  namespaceManifest,
  nodeManifest,
  podManifest,
  policyManifest,
  serviceManifest,
  sliceManifest,
  type Manifest,
} from '../../support/kube-objects.ts';

const inGateways = { namespace: 'istio-system' };
const names = ['store', 'cart'] as const;
const anyName = fc.constantFrom(...names);
const anyVersion = fc.constantFrom('v1', 'v2');
const selectors = [{ matchLabels: { app: 'store' } }, { matchLabels: { app: 'cart' } }, undefined];

/** A policy of one name, of the namespace or of the root namespace, for one workload or for all. */
function selecting(kind: string, specs: readonly object[], apiVersion?: string): fc.Arbitrary<Manifest> {
  return fc
    .record({
      spec: fc.constantFrom(...specs),
      selector: fc.constantFrom(...selectors),
      namespace: fc.constantFrom('sample', 'sample', 'istio-system'),
    })
    .map(({ spec, selector, namespace }) => ({
      ...policyManifest(kind, 'it', { ...spec, ...(selector === undefined ? {} : { selector }) }, { namespace }),
      ...(apiVersion === undefined ? {} : { apiVersion }),
    }));
}

const serviceEntry = fc
  .record({
    resolution: fc.constantFrom('STATIC', 'DNS'),
    location: fc.constantFrom('MESH_INTERNAL', 'MESH_EXTERNAL'),
    protocol: fc.constantFrom('HTTP', 'TCP', 'TLS'),
    addresses: fc.constantFrom([], ['192.0.2.7'], ['10.96.0.2']),
    exportTo: fc.constantFrom(['.'], ['*']),
    selects: fc.boolean(),
  })
  .map(({ resolution, location, protocol, addresses, exportTo, selects }) =>
    policyManifest('ServiceEntry', 'outside', {
      hosts: ['api.example.com'],
      ports: [{ number: 80, name: 'one', protocol }],
      resolution,
      location,
      addresses,
      exportTo,
      ...(selects
        ? { workloadSelector: { labels: { app: 'machine' } } }
        : { endpoints: [{ address: resolution === 'DNS' ? 'there.example.com' : '192.0.2.1' }] }),
    }),
  );

const workloadEntry = fc
  .record({ address: fc.constantFrom('10.2.0.1', '10.2.0.2'), app: fc.constantFrom('machine', 'cart') })
  .map(({ address, app }) =>
    policyManifest('WorkloadEntry', 'machine', { address, labels: { app }, serviceAccount: app }),
  );

const sidecar = fc
  .record({
    app: fc.constantFrom('store', undefined),
    hosts: fc.subarray(['./*', '*/*', 'sample/cart.sample.svc.cluster.local', './api.example.com'], { minLength: 1 }),
    outboundTrafficPolicy: fc.constantFrom(undefined, { mode: 'REGISTRY_ONLY' }),
  })
  .map(({ app, hosts, outboundTrafficPolicy }) =>
    policyManifest('Sidecar', 'scope', {
      ...(app === undefined ? {} : { workloadSelector: { labels: { app } } }),
      ...(outboundTrafficPolicy === undefined ? {} : { outboundTrafficPolicy }),
      egress: [{ hosts }],
    }),
  );

const destinationRule = fc
  .record({
    host: fc.constantFrom(...names, '*.sample.svc.cluster.local', 'api.example.com'),
    trafficPolicy: fc.constantFrom(
      {},
      { tls: { mode: 'DISABLE' } },
      { tls: { mode: 'SIMPLE', sni: 'a.example.com' } },
      { loadBalancer: { consistentHash: { httpHeaderName: 'x-user' } } },
      { loadBalancer: { localityLbSetting: { failoverPriority: ['topology.istio.io/network'] } } },
      { outlierDetection: { consecutive5xxErrors: 3 } },
      { outlierDetection: { consecutiveGatewayErrors: 3 }, connectionPool: { tcp: { maxConnections: 5 } } },
    ),
    subsets: fc.subarray([
      { name: 'v1', labels: { version: 'v1' } },
      { name: 'v2', labels: { version: 'v2' }, trafficPolicy: { loadBalancer: { simple: 'RANDOM' } } },
    ]),
    exportTo: fc.constantFrom(['.'], ['*']),
    namespace: fc.constantFrom('sample', 'other'),
  })
  .map(({ namespace, ...spec }) => policyManifest('DestinationRule', 'rule', spec, { namespace }));

const virtualService = fc
  .record({
    host: fc.constantFrom(...names, '*.sample.svc.cluster.local', 'api.example.com', 'a.example.com'),
    to: anyName,
    subset: fc.constantFrom('v1', 'v2', undefined),
    gateways: fc.subarray(['mesh', 'istio-system/ingress'], { minLength: 1 }),
    exportTo: fc.constantFrom(['.'], ['*']),
    name: fc.constantFrom('one', 'two'),
  })
  .map(({ host, to, subset, gateways, exportTo, name }) => {
    const full = `${to}.sample.svc.cluster.local`;
    const route = [{ destination: { host: full, ...(subset === undefined ? {} : { subset }) } }];
    return policyManifest('VirtualService', name, { hosts: [host], gateways, exportTo, http: [{ route }] });
  });

interface IngressGateway {
  readonly protocol: 'HTTP' | 'HTTPS';
  readonly credentialName: string;
  readonly mode?: 'SIMPLE' | 'MUTUAL';
  readonly host?: string;
  readonly istio?: string;
}

export function ingressGateway(options: IngressGateway): Manifest {
  const { protocol, credentialName, mode = 'SIMPLE', host = '*', istio = 'ingress' } = options;
  const tls = protocol === 'HTTPS' ? { tls: { mode, credentialName } } : {};
  const servers = [{ port: { number: 443, name: 'one', protocol }, hosts: [host], ...tls }];
  return policyManifest('Gateway', 'ingress', { selector: { istio }, servers }, inGateways);
}

const gateway = fc
  .record({
    protocol: fc.constantFrom('HTTP', 'HTTPS'),
    credentialName: fc.constantFrom('a', 'b'),
    mode: fc.constantFrom('SIMPLE', 'MUTUAL'),
    host: fc.constantFrom('*', 'a.example.com'),
    istio: fc.constantFrom('ingress', 'nobody'),
  })
  .map(ingressGateway);

const crossNetwork = policyManifest(
  'Gateway',
  'cross-network',
  {
    selector: { istio: 'eastwestgateway' },
    servers: [
      { port: { number: 15_443, name: 'tls', protocol: 'TLS' }, tls: { mode: 'AUTO_PASSTHROUGH' }, hosts: ['*.local'] },
    ],
  },
  inGateways,
);

/** A gateway into the second network. */
export const eastWest = (address: string): Manifest =>
  serviceManifest(
    'eastwest',
    { externalIPs: [address], ports: [{ name: 'tls', port: 15_443 }] },
    { namespace: 'istio-system', labels: { 'topology.istio.io/network': 'network2' } },
  );

const header = { request_headers_to_add: [{ header: { key: 'x-patched', value: 'yes' } }] };
const lua = {
  name: 'lua',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua',
    default_source_code: { inline_string: '-- nothing' },
  },
};
const patches = [
  { applyTo: 'VIRTUAL_HOST', patch: { operation: 'MERGE', value: header } },
  { applyTo: 'ROUTE_CONFIGURATION', patch: { operation: 'MERGE', value: header } },
  { applyTo: 'CLUSTER', patch: { operation: 'MERGE', value: { connect_timeout: '7s' } } },
  { applyTo: 'EXTENSION_CONFIG', patch: { operation: 'ADD', value: lua } },
];
const envoyFilter = fc
  .record({ chosen: fc.subarray(patches, { minLength: 1 }), namespace: fc.constantFrom('sample', 'istio-system') })
  .map(({ chosen, namespace }) =>
    policyManifest(
      'EnvoyFilter',
      'patch',
      { configPatches: chosen.map((patch) => ({ ...patch, match: { context: 'ANY' } })) },
      { namespace },
    ),
  );

const anyService = fc
  .record({
    name: anyName,
    portName: fc.constantFrom('http', 'tcp', 'grpc'),
    clusterIP: fc.constantFrom('10.96.0.1', '10.96.0.2', 'None'),
    annotations: fc.constantFrom({}, { 'networking.istio.io/exportTo': '.' }),
    publishNotReadyAddresses: fc.boolean(),
  })
  .map(({ name, portName, clusterIP, annotations, publishNotReadyAddresses }) =>
    serviceManifest(
      name,
      { clusterIP, publishNotReadyAddresses, ports: [{ name: portName, port: 80, targetPort: 8080 }] },
      { annotations },
    ),
  );

const anySlice = fc
  .record({
    name: anyName,
    addresses: fc.subarray(['10.1.0.1', '10.1.0.2', '10.1.0.5', '10.1.0.6']),
    ready: fc.boolean(),
  })
  .map(({ name, addresses, ready }) => sliceManifest(`${name}-a`, name, addresses, { conditions: { ready } }));

const anyPod = fc
  .record({ pod: fc.constantFrom('1', '2', '5', '6'), app: anyName, version: anyVersion, nodeName: fc.boolean() })
  .map(({ pod, app, version, nodeName }) => {
    const manifest = podManifest(`pod-${pod}`, `10.1.0.${pod}`, app, { labels: { version } });
    return nodeName ? { ...manifest, spec: { ...(manifest['spec'] as object), nodeName: 'node' } } : manifest;
  });

/** Of one key. */
export const jwks = JSON.stringify({
  keys: [
    {
      kty: 'EC',
      crv: 'P-256',
      kid: '1',
      x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
      y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
    },
  ],
});

/** Kubernetes objects, which every cluster may have. */
export const anyDiscovered: fc.Arbitrary<Manifest> = fc.oneof(
  anyService,
  anySlice,
  anyPod,
  fc.constantFrom('one', 'two').map((zone) => nodeManifest('node', { 'topology.kubernetes.io/zone': zone })),
  fc
    .constantFrom('network1', 'network2')
    .map((network) => namespaceManifest('istio-system', { 'topology.istio.io/network': network })),
  fc.constantFrom('172.30.0.1', '172.30.0.2').map(eastWest),
);

/** Configuration, which the primary alone has. */
export const anyConfiguration: fc.Arbitrary<Manifest> = fc.oneof(
  virtualService,
  destinationRule,
  serviceEntry,
  workloadEntry,
  sidecar,
  gateway,
  fc.constant(crossNetwork),
  envoyFilter,
  selecting('PeerAuthentication', [{ mtls: { mode: 'STRICT' } }, { mtls: { mode: 'DISABLE' } }]),
  selecting('AuthorizationPolicy', [
    { rules: [{ to: [{ operation: { methods: ['GET'] } }] }] },
    { action: 'DENY', rules: [{ from: [{ source: { namespaces: ['other'] } }] }] },
  ]),
  selecting('RequestAuthentication', [
    { jwtRules: [{ issuer: 'a', jwks }] },
    { jwtRules: [{ issuer: 'b', jwksUri: 'https://issuer.example/keys' }] },
  ]),
  selecting(
    'Telemetry',
    [
      { accessLogging: [{ providers: [{ name: 'envoy' }] }] },
      { metrics: [{ overrides: [{ match: { metric: 'REQUEST_SIZE' }, disabled: true }] }] },
    ],
    'telemetry.istio.io/v1',
  ),
);
