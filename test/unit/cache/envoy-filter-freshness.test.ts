// Whatever comes, changes and goes, in whatever order: what is kept is what would be made anew.

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { clusterId } from '../../../discovery/model/names.ts';
import type { SourceEvent } from '../../../discovery/model/source-event.ts';
import { generatedTypes, ResourceCache, type Attachment } from '../../../server/cache/resource-cache.ts';
import { resourcesOf } from '../../../server/cache/type-snapshot.ts';
import { podManifest, policyManifest, serviceManifest } from '../../support/kube-objects.ts';
import { router, sidecar } from '../../support/mesh-model.ts';
import { changed, deleted, syncedCluster } from '../discovery/cluster-scene.ts';

const inSample = { namespace: 'sample' };
const inGateways = { namespace: 'istio-system' };
const host = (name: string): string => `${name}.sample.svc.cluster.local`;
const header = { request_headers_to_add: [{ header: { key: 'x-patched', value: 'yes' } }] };

const patches: readonly object[] = [
  { applyTo: 'VIRTUAL_HOST', match: { context: 'SIDECAR_OUTBOUND' }, patch: { operation: 'MERGE', value: header } },
  {
    applyTo: 'VIRTUAL_HOST',
    match: { routeConfiguration: { vhost: { name: `${host('a')}:80` } } },
    patch: { operation: 'MERGE', value: { domains: [host('b'), 'c'] } },
  },
  {
    applyTo: 'VIRTUAL_HOST',
    match: { routeConfiguration: { vhost: { name: `${host('b')}:80` } } },
    patch: { operation: 'REMOVE' },
  },
  {
    applyTo: 'VIRTUAL_HOST',
    match: { routeConfiguration: { name: '80' } },
    patch: { operation: 'ADD', value: { name: 'added', domains: [host('c')] } },
  },
  {
    applyTo: 'VIRTUAL_HOST',
    match: { routeConfiguration: { portName: 'one' } },
    patch: { operation: 'MERGE', value: header },
  },
  {
    applyTo: 'HTTP_ROUTE',
    match: { routeConfiguration: { gateway: 'istio-system/edge' } },
    patch: { operation: 'MERGE', value: header },
  },
  { applyTo: 'HTTP_ROUTE', match: { context: 'ANY' }, patch: { operation: 'MERGE', value: header } },
  { applyTo: 'ROUTE_CONFIGURATION', match: { context: 'ANY' }, patch: { operation: 'MERGE', value: header } },
  { applyTo: 'CLUSTER', match: { cluster: { service: host('a') } }, patch: { operation: 'REMOVE' } },
  {
    applyTo: 'LISTENER',
    match: { listener: { name: '0.0.0.0_80' } },
    patch: { operation: 'MERGE', value: { per_connection_buffer_limit_bytes: 5 } },
  },
];

const anyEvent: fc.Arbitrary<SourceEvent> = fc.oneof(
  fc
    .tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom(80, 81))
    .map(([name, port]) => changed(serviceManifest(name, { ports: [{ name: 'http', port }] }, inSample))),
  fc.constantFrom('a', 'b', 'c').map((name) => deleted('Service', name)),
  fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom('1s', '2s')).map(([name, timeout]) =>
    changed(
      policyManifest(
        'VirtualService',
        name,
        {
          hosts: [name],
          gateways: ['mesh', 'istio-system/edge', 'istio-system/other'],
          http: [{ timeout, route: [{ destination: { host: name } }] }],
        },
        inSample,
      ),
    ),
  ),
  fc.constantFrom('a', 'b').map((name) => deleted('VirtualService', name)),
  fc.tuple(fc.constantFrom('edge', 'other'), fc.constantFrom('one', 'two'), fc.constantFrom(80, 81)).map((gateway) => {
    const [name, portName, number] = gateway;
    const servers = [{ port: { name: portName, number, protocol: 'HTTP' }, hosts: ['*'] }];
    return changed(policyManifest('Gateway', name, { selector: { istio: 'eastwestgateway' }, servers }, inGateways));
  }),
  fc.constantFrom('edge', 'other').map((name) => deleted('Gateway', name, 'istio-system')),
  fc
    .tuple(fc.constantFrom('one', 'two'), fc.subarray([...patches], { minLength: 1 }))
    .map(([name, configPatches]) => changed(policyManifest('EnvoyFilter', name, { configPatches }, inSample))),
  fc
    .subarray([...patches], { minLength: 1 })
    .map((configPatches) => changed(policyManifest('EnvoyFilter', 'all', { configPatches }, inGateways))),
  fc.constantFrom('one', 'two').map((name) => deleted('EnvoyFilter', name)),
);

test('with EnvoyFilters, too', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { minLength: 1, maxLength: 12 }), fc.boolean(), (events, virtualHostDiscovery) => {
      const cluster = syncedCluster([podManifest('a-1', '10.1.0.1', 'a', inSample)]);
      const store = new MeshStore({ primary: clusterId('cluster-1'), config: defaultMeshConfig, schedule: () => {} });
      store.add(cluster);
      store.flush();
      const cache = new ResourceCache(store.snapshot);
      store.onChange((snapshot, change) => cache.update(snapshot, change));
      const capabilities = { istioFilters: false, virtualHostDiscovery };
      const proxies = [
        sidecar({ addresses: ['10.1.0.1'], namespace: 'sample', labels: { app: 'a' }, capabilities }),
        router({ namespace: 'sample', capabilities }),
      ];
      const attach = (to: ResourceCache): readonly Attachment[] => proxies.map((proxy) => to.attach(proxy, () => {}));
      const held = (attachments: readonly Attachment[]): readonly (readonly string[])[] =>
        attachments.map((attachment) =>
          generatedTypes.flatMap((type) =>
            [...resourcesOf(attachment.snapshot(type))]
              .map(({ name, version }) => `${type} ${name} ${version}`)
              .toSorted(),
          ),
        );
      const kept = attach(cache);
      for (const event of events) {
        cluster.fold([event]);
        store.flush();
        expect(held(kept)).toEqual(held(attach(new ResourceCache(store.snapshot))));
      }
    }),
    { numRuns: 150, seed: 20_261_122 },
  );
}, 60_000);
