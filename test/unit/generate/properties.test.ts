// What holds for everything that is generated, whatever the mesh.

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { hostname } from '../../../discovery/model/names.ts';
import { encode } from '../../../proto/codec.ts';
import { generateAssignments, generateHost } from '../../../server/generate/outbound-host.ts';
import { buildOutboundView } from '../../../server/view/outbound-view.ts';
import { viewKeysOf } from '../../../server/view/view-key.ts';
import { anyMeshParts } from '../../support/any-mesh.ts';
import { asJson, firstMistake, generateAll, resourcesOf, type Generated } from '../../support/generate-all.ts';
import {
  clientTls,
  destinationRule,
  eastWestGateway,
  mesh,
  router,
  sidecar,
  type MeshParts,
} from '../../support/mesh-model.ts';

const rule = destinationRule('store', 'store.default.svc.cluster.local', {
  subsets: [
    { name: 'v1', labels: { version: 'v1' }, trafficPolicy: {} },
    { name: 'v2', labels: { version: 'v2' }, trafficPolicy: { tls: clientTls('disable') } },
  ],
});
const policies = [rule, eastWestGateway()];
const anyProxy = fc.constantFrom(sidecar(), sidecar({ namespace: 'shop' }), router());

function shuffled<T>(values: readonly T[], seed: readonly number[]): readonly T[] {
  return values
    .map((value, index) => ({ value, place: seed[index % seed.length] ?? 0 }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ value }) => value);
}

function shuffleParts(parts: MeshParts, seed: readonly number[]): MeshParts {
  return {
    services: shuffled(parts.services ?? [], seed),
    gateways: shuffled(parts.gateways ?? [], seed),
    endpoints: Object.fromEntries(
      shuffled(Object.entries(parts.endpoints ?? {}), seed).map(([host, list]) => [host, shuffled(list, seed)]),
    ),
  };
}

function bytesByName(generated: Generated): ReadonlyMap<string, string> {
  return new Map(
    resourcesOf(generated).map(({ type, name, message }) => [
      `${type.fullName} ${name}`,
      Buffer.from(encode(type, message)).toString('hex'),
    ]),
  );
}

test('shuffled input gives equal bytes', () => {
  fc.assert(
    fc.property(anyMeshParts, anyProxy, fc.array(fc.nat(), { minLength: 7, maxLength: 7 }), (parts, proxy, seed) => {
      const once = generateAll(proxy, mesh({ ...parts, policies }));
      const again = generateAll(proxy, mesh({ ...shuffleParts(parts, seed), policies }));
      expect(bytesByName(again)).toEqual(bytesByName(once));
    }),
    { numRuns: 60 },
  );
});

test('no raw address ever crosses networks', () => {
  fc.assert(
    fc.property(anyMeshParts, anyProxy, (parts, proxy) => {
      for (const { message } of generateAll(proxy, mesh({ ...parts, policies })).assignments) {
        for (const { lbEndpoints = [] } of message.endpoints ?? []) {
          for (const { endpoint } of lbEndpoints) {
            const address = endpoint?.address?.socketAddress?.address ?? '';
            // Pods of the proxy's own network are 10.0.*; gateways are 172.30.*.
            expect(address).toMatch(proxy.type === 'router' ? /^10\.0\./ : /^(10\.0|172\.30)\./);
          }
        }
      }
    }),
    { numRuns: 100 },
  );
});

test('an address is in an assignment once, and weights fit into 32 bits', () => {
  fc.assert(
    fc.property(anyMeshParts, anyProxy, (parts, proxy) => {
      for (const { message } of generateAll(proxy, mesh({ ...parts, policies })).assignments) {
        const endpoints = (message.endpoints ?? []).flatMap(({ lbEndpoints = [] }) => lbEndpoints);
        const sockets = endpoints.map(({ endpoint }) => JSON.stringify(endpoint?.address));
        expect(new Set(sockets).size).toBe(sockets.length);
        const weights = endpoints.map(({ loadBalancingWeight }) => loadBalancingWeight?.value ?? 0);
        for (const weight of weights) expect(weight).toBeGreaterThanOrEqual(1);
        expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeLessThan(2 ** 32);
      }
    }),
    { numRuns: 100 },
  );
});

test('a domain has one virtual host in its route configuration', () => {
  fc.assert(
    fc.property(anyMeshParts, anyProxy, (parts, proxy) => {
      for (const { message } of generateAll(proxy, mesh({ ...parts, policies })).wholeRoutes) {
        const domains = (message.virtualHosts ?? []).flatMap((virtualHost) => virtualHost.domains ?? []);
        expect(new Set(domains).size).toBe(domains.length);
      }
    }),
    { numRuns: 100 },
  );
});

test('a resource has the name that its message says, once a type', () => {
  fc.assert(
    fc.property(anyMeshParts, anyProxy, (parts, proxy) => {
      const { wholeRoutes: _, ...incremental } = generateAll(proxy, mesh({ ...parts, policies }));
      const all = resourcesOf({ ...incremental, wholeRoutes: [] });
      const names = all.map(({ type, name }) => `${type.fullName} ${name}`);
      expect(new Set(names).size).toBe(names.length);
      for (const { name, message } of all) {
        const said = message as { name?: string; clusterName?: string };
        expect(said.name ?? said.clusterName).toBe(name);
      }
    }),
    { numRuns: 60 },
  );
});

test('assignments alone equal the assignments of the whole host', () => {
  fc.assert(
    fc.property(anyMeshParts, anyProxy, (parts, proxy) => {
      const snapshot = mesh({ ...parts, policies });
      const view = buildOutboundView(viewKeysOf(proxy, snapshot).outboundScope, snapshot);
      for (const host of Object.keys(parts.endpoints)) {
        expect(generateAssignments(view, hostname(host))).toEqual(generateHost(view, hostname(host)).assignments);
      }
    }),
    { numRuns: 60 },
  );
});

test('every cluster with discovered endpoints has an assignment, and none has two', () => {
  fc.assert(
    fc.property(anyMeshParts, anyProxy, (parts, proxy) => {
      const { clusters, assignments } = generateAll(proxy, mesh({ ...parts, policies }));
      const asked = clusters.flatMap(({ message }) => message.edsClusterConfig?.serviceName ?? []);
      expect(asked.toSorted()).toEqual(assignments.map(({ name }) => name).toSorted());
    }),
    { numRuns: 60 },
  );
});

test('no literal names a field that its message does not have', () => {
  fc.assert(
    fc.property(anyMeshParts, anyProxy, (parts, proxy) => {
      const generated = generateAll(proxy, mesh({ ...parts, policies }));
      expect(firstMistake(generated)).toBeUndefined();
      expect(asJson(generated)).toBeDefined();
    }),
    { numRuns: 30 },
  );
});

test('clusters stay as they are while pods with the same accounts come and go', () => {
  fc.assert(
    fc.property(anyMeshParts, (parts) => {
      const before = mesh({ ...parts, policies });
      // Every pod of the own network moves to another address.
      const moved = Object.fromEntries(
        Object.entries(parts.endpoints).map(([host, list]) => [
          host,
          list.map((one) => ({ ...one, address: one.address.replace(/^10\.0\.(\d)\./, '10.0.1$1.') })),
        ]),
      );
      const after = mesh({ ...parts, endpoints: moved, policies });
      expect(generateAll(sidecar(), after).clusters).toEqual(generateAll(sidecar(), before).clusters);
    }),
    { numRuns: 40 },
  );
});
