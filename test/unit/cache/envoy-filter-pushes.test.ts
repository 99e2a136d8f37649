// An EnvoyFilter reaches the proxies that it selects, and of what they hold only what it changes; once it is gone, the bytes are those of before.

import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { clusterId } from '../../../discovery/model/names.ts';
import { compareText } from '../../../discovery/model/network-gateway.ts';
import { generatedTypes, ResourceCache } from '../../../server/cache/resource-cache.ts';
import { resourcesOf } from '../../../server/cache/type-snapshot.ts';
import type { Proxy } from '../../../server/proxy/proxy.ts';
import { podManifest, policyManifest, serviceManifest } from '../../support/kube-objects.ts';
import { sidecar } from '../../support/mesh-model.ts';
import { changed, deleted, syncedCluster } from '../discovery/cluster-scene.ts';

const inSample = { namespace: 'sample' };

function open(changes: Readonly<Record<string, Partial<Proxy>>> = { web: {}, cart: {} }) {
  const cluster = syncedCluster([
    ...['web', 'cart'].map((name) => serviceManifest(name, {}, inSample)),
    podManifest('web-1', '10.1.0.1', 'web', inSample),
    podManifest('cart-1', '10.1.0.2', 'cart', inSample),
  ]);
  const store = new MeshStore({ primary: clusterId('cluster-1'), config: defaultMeshConfig, schedule: () => {} });
  store.add(cluster);
  store.flush();
  const cache = new ResourceCache(store.snapshot);
  store.onChange((snapshot, change) => cache.update(snapshot, change));
  const addresses: Readonly<Record<string, string>> = { web: '10.1.0.1', cart: '10.1.0.2' };
  const attachments = Object.entries(changes).map(([app, of]) => {
    const proxy = sidecar({
      nodeId: app,
      name: app,
      addresses: [addresses[app] ?? ''],
      namespace: 'sample',
      labels: { app },
      ...of,
    });
    return [app, cache.attach(proxy, () => {})] as const;
  });
  const held = () =>
    new Map(
      attachments.map(([app, attachment]) => {
        const resources = generatedTypes.flatMap((type) => [...resourcesOf(attachment.snapshot(type))]);
        const short = (typeUrl: string): string => typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
        return [app, new Map(resources.map((one) => [`${short(one.typeUrl)} ${one.name}`, one.version]))] as const;
      }),
    );
  /** Names of what differs after `act`, by proxy. */
  const sent = (act: () => void): Record<string, readonly string[]> => {
    const before = held();
    act();
    store.flush();
    const after = held();
    return Object.fromEntries(
      [...after].map(([app, versions]) => {
        const then = before.get(app) ?? new Map<string, string>();
        const names = new Set([...then.keys(), ...versions.keys()]);
        return [app, [...names].filter((name) => then.get(name) !== versions.get(name)).toSorted(compareText)];
      }),
    );
  };
  const write =
    (spec: string, options = {}) =>
    (): void => {
      cluster.fold([changed(policyManifest('EnvoyFilter', 'it', parse(spec), { ...inSample, ...options }))]);
    };
  const remove = (): void => {
    cluster.fold([deleted('EnvoyFilter', 'it', 'sample')]);
  };
  /** All that is held. */
  const bytes = (): string =>
    attachments
      .flatMap(([, attachment]) => generatedTypes.flatMap((type) => [...resourcesOf(attachment.snapshot(type))]))
      .map(({ body }) => Buffer.from(body).toString('latin1'))
      .join('');
  return { cluster, cache, held, sent, write, remove, bytes };
}

const toWeb = 'workloadSelector: { labels: { app: web } }\n';
const keepalive = (seconds: number): string => `configPatches:
  - applyTo: CLUSTER
    match: { context: SIDECAR_OUTBOUND, cluster: { service: cart.sample.svc.cluster.local } }
    patch: { operation: MERGE, value: { upstream_connection_options: { tcp_keepalive: { keepalive_time: ${seconds} } } } }
`;
const cart = 'Cluster outbound|80||cart.sample.svc.cluster.local';

test('the proxies that it selects are sent the resources that it changes', () => {
  const { sent, write, remove, held } = open();
  const before = held();
  expect(sent(write(toWeb + keepalive(1)))).toEqual({ web: [cart], cart: [] });
  expect(sent(write(toWeb + keepalive(2)))).toEqual({ web: [cart], cart: [] });
  expect(sent(write(keepalive(2)))).toEqual({ web: [], cart: [cart] });
  expect(sent(write(keepalive(2), { labels: { team: 'blue' } }))).toEqual({ web: [], cart: [] });
  expect(sent(remove)).toEqual({ web: [cart], cart: [cart] });
  expect(held()).toEqual(before);
});

test('a virtual host is sent by itself, and a change of another does not send it again', () => {
  const { cluster, sent, write, held, remove } = open();
  const before = held();
  const spec = `${toWeb}configPatches:
  - applyTo: HTTP_ROUTE
    match: { context: SIDECAR_OUTBOUND, routeConfiguration: { vhost: { name: 'cart.sample.svc.cluster.local:80' } } }
    patch: { operation: MERGE, value: { route: { timeout: 7s } } }
`;
  expect(sent(write(spec))).toEqual({ web: ['VirtualHost 80/cart.sample.svc.cluster.local:80'], cart: [] });
  const rule = policyManifest(
    'VirtualService',
    'web',
    { hosts: ['web'], http: [{ timeout: '3s', route: [{ destination: { host: 'web' } }] }] },
    inSample,
  );
  const other = ['VirtualHost 80/web.sample.svc.cluster.local:80'];
  expect(sent(() => cluster.fold([changed(rule)]))).toEqual({ web: other, cart: other });
  sent(() => cluster.fold([deleted('VirtualService', 'web', 'sample')]));
  expect(sent(remove)).toEqual({ web: ['VirtualHost 80/cart.sample.svc.cluster.local:80'], cart: [] });
  expect(held()).toEqual(before);
});

test('proxies are told apart by version and metadata, and by nothing else that no patch asks for', () => {
  const { sent, write, cache } = open({
    web: { istioVersion: '1.24.1', metadata: { TEAM: 'blue' } },
    cart: { istioVersion: '', metadata: { TEAM: 'red' } },
  });
  const asking = (proxy: string): string => keepalive(1).replace('match: {', `match: { proxy: ${proxy},`);
  expect(sent(write(asking(String.raw`{ proxyVersion: '^1\.24' }`)))).toEqual({ web: [cart], cart: [] });
  expect(sent(write(asking('{ metadata: { TEAM: red } }')))).toEqual({ web: [cart], cart: [cart] });
  expect(cache.classCount).toBe(2);
});

test('those of the root namespace come first, then by priority, then the oldest', () => {
  const { cluster, sent, bytes } = open();
  const timeout = (name: string, seconds: number, more: object, options = {}) =>
    changed(
      policyManifest(
        'EnvoyFilter',
        name,
        {
          ...more,
          configPatches: [
            {
              applyTo: 'CLUSTER',
              match: { context: 'SIDECAR_OUTBOUND', cluster: { service: 'cart.sample.svc.cluster.local' } },
              patch: { operation: 'MERGE', value: { alt_stat_name: `after ${seconds}` } },
            },
          ],
        },
        { ...inSample, ...options },
      ),
    );
  sent(() => cluster.fold([timeout('root', 9, { priority: 100 }, { namespace: 'istio-system' })]));
  sent(() => cluster.fold([timeout('early', 1, { priority: -1 })]));
  sent(() => cluster.fold([timeout('late', 3, {}), timeout('between', 2, {})]));
  const text = bytes();
  // Of two of one age the name decides.
  expect(text).toContain('after 3');
  expect(text).not.toMatch(/after [129]/);
});

test('a patch that is for nothing of any selected proxy is a finding, and one that Envoy would refuse is another', () => {
  const { cache, sent, write } = open();
  const codes = (): readonly string[] => cache.problems().map(({ code, field }) => `${code} ${field}`);
  sent(write(keepalive(1).replace('cart.sample', 'nobody.sample')));
  expect(codes()).toEqual(['patch-matches-nothing spec.configPatches[0]']);
  sent(
    write(`configPatches:
  - { applyTo: CLUSTER, match: { context: SIDECAR_OUTBOUND }, patch: { operation: MERGE, value: { connect_timeout: -1s } } }
`),
  );
  expect(new Set(codes())).toEqual(new Set(['patch-left-out spec.configPatches[0]']));
});
