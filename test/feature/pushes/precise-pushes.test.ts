// Who is sent what, to the message, for an edit of an object of every kind: those whose resources are others now, and nobody else; and
// nothing for what nothing reads.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  namespaceManifest,
  podManifest,
  policyManifest,
  serviceManifest,
  sliceManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { PushScene, type Messages } from './push-scene.ts';

let scene: PushScene;
beforeAll(async () => {
  scene = await PushScene.open();
}, 60_000);
afterAll(() => scene?.[Symbol.asyncDispose]());

interface Case {
  readonly kind: string;
  /** Written first, and removed last. */
  readonly beside?: readonly Manifest[];
  readonly created: Manifest;
  readonly edited: Manifest;
  readonly sent: { readonly created: Messages; readonly edited: Messages; readonly removed: Messages };
}

const ofCart = { selector: { matchLabels: { app: 'cart' } } };
const cartKey = {
  kty: 'EC',
  crv: 'P-256',
  kid: '1',
  x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
  y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
};

/** An object of one spec, then of another. */
function edits(
  kind: string,
  name: string,
  created: object,
  edited: object,
  apiVersion?: string,
): Pick<Case, 'created' | 'edited'> {
  const manifest = (spec: object): Manifest => ({
    ...policyManifest(kind, name, spec),
    ...(apiVersion === undefined ? {} : { apiVersion }),
  });
  return { created: manifest(created), edited: manifest(edited) };
}

const toCart = (timeout: string, more: object = {}): object => ({
  hosts: ['cart'],
  http: [{ timeout, route: [{ destination: { host: 'cart' } }] }],
  ...more,
});
const outside = (address: string): object => ({
  hosts: ['api.example.com'],
  resolution: 'STATIC',
  addresses: ['192.0.2.7'],
  ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
  endpoints: [{ address }],
  exportTo: ['.'],
});
const gateway = (host: string): object => ({
  selector: { app: 'edge' },
  servers: [{ port: { number: 8080, name: 'http', protocol: 'HTTP' }, hosts: [host] }],
});
const subset = (version: string): object => ({ name: version, labels: { version } });
const lua = (text: string): object => ({
  workloadSelector: { labels: { app: 'cart' } },
  configPatches: [
    {
      applyTo: 'HTTP_FILTER',
      match: {
        context: 'SIDECAR_INBOUND',
        listener: { filterChain: { filter: { name: 'envoy.filters.network.http_connection_manager' } } },
      },
      patch: {
        operation: 'INSERT_FIRST',
        value: {
          name: 'lua',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua',
            default_source_code: { inline_string: text },
          },
        },
      },
    },
  ],
});

const proxyConfig: Manifest = {
  ...policyManifest('ProxyConfig', 'cart', { ...ofCart, concurrency: 1 }),
  apiVersion: 'networking.istio.io/v1beta1',
};
/** As the scene has it. */
const cartSpec = { clusterIP: '10.0.0.2', ports: [{ name: 'http', port: 80, targetPort: 8080 }] };

/** The same messages to each of these. */
function to(proxies: string, ...messages: readonly string[]): Messages {
  return Object.fromEntries(proxies.split(' ').map((proxy) => [proxy, messages.toSorted()]));
}
const all = 'web cart far edge';
const sidecars = 'web cart far';

const cases: readonly Case[] = [
  {
    kind: 'VirtualService',
    ...edits('VirtualService', 'cart', toCart('1s'), toCart('2s')),
    sent: {
      created: to(sidecars, 'VHDS 80/cart.sample:80'),
      edited: to(sidecars, 'VHDS 80/cart.sample:80'),
      removed: to(sidecars, 'VHDS 80/cart.sample:80'),
    },
  },
  {
    kind: 'VirtualService that its namespace alone sees',
    ...edits('VirtualService', 'cart', toCart('1s', { exportTo: ['.'] }), toCart('2s', { exportTo: ['.'] })),
    sent: {
      created: to('web cart', 'VHDS 80/cart.sample:80'),
      edited: to('web cart', 'VHDS 80/cart.sample:80'),
      removed: to('web cart', 'VHDS 80/cart.sample:80'),
    },
  },
  {
    kind: 'DestinationRule',
    ...edits(
      'DestinationRule',
      'cart',
      { host: 'cart', trafficPolicy: { loadBalancer: { simple: 'RANDOM' } } },
      { host: 'cart', trafficPolicy: { loadBalancer: { simple: 'ROUND_ROBIN' } } },
    ),
    sent: {
      created: to(all, 'CDS outbound|80||cart.sample', 'EDS outbound|80||cart.sample'),
      edited: to(all, 'CDS outbound|80||cart.sample', 'EDS outbound|80||cart.sample'),
      removed: to(all, 'CDS outbound|80||cart.sample', 'EDS outbound|80||cart.sample'),
    },
  },
  {
    kind: 'DestinationRule with subsets',
    ...edits(
      'DestinationRule',
      'cart',
      { host: 'cart', subsets: [subset('v1')] },
      { host: 'cart', subsets: [subset('v1'), subset('v2')] },
    ),
    sent: {
      created: to(
        all,
        'CDS outbound|80|v1|cart.sample, outbound|80||cart.sample',
        'EDS outbound|80|v1|cart.sample',
        'EDS outbound|80||cart.sample',
      ),
      edited: to(all, 'CDS outbound|80|v2|cart.sample', 'EDS outbound|80|v2|cart.sample'),
      removed: to(
        all,
        'CDS -outbound|80|v1|cart.sample, -outbound|80|v2|cart.sample, outbound|80||cart.sample',
        'EDS outbound|80||cart.sample',
      ),
    },
  },
  {
    kind: 'ServiceEntry',
    ...edits('ServiceEntry', 'outside', outside('192.0.2.1'), outside('192.0.2.2')),
    sent: {
      created: {
        ...to(
          'web cart',
          'CDS outbound|80||api.example.com',
          'EDS outbound|80||api.example.com',
          'VHDS 80/api.example.com:80',
        ),
        ...to('edge', 'CDS outbound|80||api.example.com', 'EDS outbound|80||api.example.com'),
      },
      edited: to('web cart edge', 'EDS outbound|80||api.example.com'),
      removed: {
        ...to('web cart', 'CDS -outbound|80||api.example.com', 'VHDS -80/api.example.com:80'),
        ...to('edge', 'CDS -outbound|80||api.example.com'),
      },
    },
  },
  {
    kind: 'WorkloadEntry',
    beside: [
      policyManifest('ServiceEntry', 'machines', {
        hosts: ['machines.example.com'],
        resolution: 'STATIC',
        location: 'MESH_INTERNAL',
        addresses: ['192.0.2.8'],
        ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
        workloadSelector: { labels: { app: 'machine' } },
      }),
    ],
    ...edits(
      'WorkloadEntry',
      'machine',
      { address: '10.2.0.1', labels: { app: 'machine' } },
      { address: '10.2.0.2', labels: { app: 'machine' } },
    ),
    sent: {
      created: to(all, 'EDS outbound|80||machines.example.com'),
      edited: to(all, 'EDS outbound|80||machines.example.com'),
      removed: to(all, 'EDS outbound|80||machines.example.com'),
    },
  },
  {
    kind: 'Sidecar',
    ...edits(
      'Sidecar',
      'web',
      { workloadSelector: { labels: { app: 'web' } }, egress: [{ hosts: ['sample/marker.sample.svc.cluster.local'] }] },
      { workloadSelector: { labels: { app: 'web' } }, egress: [{ hosts: ['sample/*'] }] },
    ),
    sent: {
      created: to(
        'web',
        'CDS -outbound|80||cart.sample, -outbound|80||far.other, -outbound|80||web.sample',
        'VHDS -80/cart.sample:80, -80/far.other:80, -80/web.sample:80',
      ),
      edited: to(
        'web',
        'CDS outbound|80||cart.sample, outbound|80||web.sample',
        'EDS outbound|80||cart.sample, outbound|80||web.sample',
        'VHDS 80/cart.sample:80, 80/web.sample:80',
      ),
      removed: to('web', 'CDS outbound|80||far.other', 'EDS outbound|80||far.other', 'VHDS 80/far.other:80'),
    },
  },
  {
    kind: 'Gateway',
    beside: [
      policyManifest('VirtualService', 'edge', {
        ...toCart('1s'),
        hosts: ['a.example.com', 'b.example.com'],
        gateways: ['edge'],
      }),
    ],
    ...edits('Gateway', 'edge', gateway('a.example.com'), gateway('b.example.com')),
    sent: {
      created: to('edge', 'LDS 0.0.0.0_8080', 'RDS http.8080', 'VHDS http.8080/a.example.com:8080'),
      edited: to('edge', 'VHDS -http.8080/a.example.com:8080, http.8080/b.example.com:8080'),
      removed: to('edge', 'LDS -0.0.0.0_8080', 'RDS -http.8080', 'VHDS -http.8080/b.example.com:8080'),
    },
  },
  {
    kind: 'PeerAuthentication',
    ...edits(
      'PeerAuthentication',
      'cart',
      { ...ofCart, mtls: { mode: 'STRICT' } },
      { ...ofCart, mtls: { mode: 'DISABLE' } },
    ),
    sent: {
      created: to('cart', 'LDS virtualInbound'),
      edited: {
        ...to('web far edge', 'EDS outbound|80||cart.sample'),
        ...to('cart', 'EDS outbound|80||cart.sample', 'LDS virtualInbound'),
      },
      removed: {
        ...to('web far edge', 'EDS outbound|80||cart.sample'),
        ...to('cart', 'EDS outbound|80||cart.sample', 'LDS virtualInbound'),
      },
    },
  },
  {
    kind: 'RequestAuthentication',
    ...edits(
      'RequestAuthentication',
      'cart',
      { ...ofCart, jwtRules: [{ issuer: 'a', jwks: JSON.stringify({ keys: [cartKey] }) }] },
      { ...ofCart, jwtRules: [{ issuer: 'b', jwks: JSON.stringify({ keys: [cartKey] }) }] },
    ),
    sent: {
      created: to('cart', 'LDS virtualInbound'),
      edited: to('cart', 'LDS virtualInbound'),
      removed: to('cart', 'LDS virtualInbound'),
    },
  },
  {
    kind: 'AuthorizationPolicy',
    ...edits(
      'AuthorizationPolicy',
      'cart',
      { ...ofCart, rules: [{ to: [{ operation: { methods: ['GET'] } }] }] },
      { ...ofCart, rules: [{ to: [{ operation: { methods: ['PUT'] } }] }] },
    ),
    sent: {
      created: to('cart', 'LDS virtualInbound'),
      edited: to('cart', 'LDS virtualInbound'),
      removed: to('cart', 'LDS virtualInbound'),
    },
  },
  {
    kind: 'Telemetry',
    ...edits(
      'Telemetry',
      'cart',
      { ...ofCart, accessLogging: [{ providers: [{ name: 'envoy' }] }] },
      {
        ...ofCart,
        accessLogging: [{ providers: [{ name: 'envoy' }], filter: { expression: 'response.code >= 500' } }],
      },
      'telemetry.istio.io/v1',
    ),
    sent: {
      created: to('cart', 'LDS 0.0.0.0_80, virtualInbound, virtualOutbound'),
      edited: to('cart', 'LDS 0.0.0.0_80, virtualInbound, virtualOutbound'),
      removed: to('cart', 'LDS 0.0.0.0_80, virtualInbound, virtualOutbound'),
    },
  },
  {
    kind: 'EnvoyFilter',
    ...edits('EnvoyFilter', 'cart', lua('-- one'), lua('-- two')),
    sent: {
      created: to('cart', 'LDS virtualInbound'),
      edited: to('cart', 'LDS virtualInbound'),
      removed: to('cart', 'LDS virtualInbound'),
    },
  },
  {
    kind: 'Service',
    created: serviceManifest('fresh', { clusterIP: '10.0.0.9' }),
    edited: serviceManifest('fresh', { clusterIP: '10.0.0.9', ports: [{ name: 'grpc', port: 80 }] }),
    sent: {
      created: {
        ...to(sidecars, 'CDS outbound|80||fresh.sample', 'EDS outbound|80||fresh.sample', 'VHDS 80/fresh.sample:80'),
        ...to('edge', 'CDS outbound|80||fresh.sample', 'EDS outbound|80||fresh.sample'),
      },
      edited: to(all, 'CDS outbound|80||fresh.sample', 'EDS outbound|80||fresh.sample'),
      removed: {
        ...to(sidecars, 'CDS -outbound|80||fresh.sample', 'VHDS -80/fresh.sample:80'),
        ...to('edge', 'CDS -outbound|80||fresh.sample'),
      },
    },
  },
  {
    kind: 'EndpointSlice',
    created: sliceManifest('cart-more', 'cart', ['10.1.0.7']),
    edited: sliceManifest('cart-more', 'cart', ['10.1.0.7', '10.1.0.8']),
    sent: {
      created: to(all, 'EDS outbound|80||cart.sample'),
      edited: to(all, 'EDS outbound|80||cart.sample'),
      removed: to(all, 'EDS outbound|80||cart.sample'),
    },
  },
  {
    kind: 'Pod behind an endpoint',
    beside: [sliceManifest('cart-more', 'cart', ['10.1.0.7'])],
    created: podManifest('cart-7', '10.1.0.7', 'cart'),
    edited: podManifest('cart-7', '10.1.0.7', 'cart', { labels: { version: 'v2' } }),
    sent: {
      created: to(all, 'EDS outbound|80||cart.sample'),
      edited: to(all, 'EDS outbound|80||cart.sample'),
      removed: to(all, 'EDS outbound|80||cart.sample'),
    },
  },
];

describe.each(cases)('$kind', ({ kind, beside = [], created, edited, sent }) => {
  test('is told to those whose resources differ, in these messages', async () => {
    if (beside.length > 0) await scene.write(...beside);
    expect(await scene.write(created)).toEqual(sent.created);
    expect(await scene.write(noted(created))).toEqual({});
    expect(await scene.write(noted(edited))).toEqual(sent.edited);
    expect(await scene.remove([edited])).toEqual(sent.removed);
    // The rules of a gateway that is gone concern nobody.
    if (beside.length > 0) await scene.remove(beside, kind !== 'Gateway');
  });
});

test.each([
  ['a ProxyConfig, which is for the pods that are injected next', proxyConfig],
  ['a Namespace with a label that no policy looks at', namespaceManifest('sample', { team: 'shop' })],
  ['a Service with a label', serviceManifest('cart', cartSpec, { labels: { team: 'shop' } })],
  ['a Pod with an annotation', podManifest('cart', '10.1.0.2', 'cart', { annotations: { note: 'of nobody' } })],
  [
    'a ConfigMap',
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'sample' }, data: { a: 'b' } },
  ],
])('%s sends nothing', async (_what, object) => {
  expect(await scene.write(object)).toEqual({});
});

function noted(manifest: Manifest): Manifest {
  return { ...manifest, metadata: { ...(manifest['metadata'] as object), annotations: { note: 'of nobody' } } };
}
