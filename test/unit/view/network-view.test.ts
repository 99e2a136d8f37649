// Whom a proxy reaches, by which address and with what share of the traffic.

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Endpoint } from '../../../discovery/model/endpoint.ts';
import { clusterId, networkId } from '../../../discovery/model/names.ts';
import type { NetworkGateway } from '../../../discovery/model/network-gateway.ts';
import type { Reach } from '../../../server/view/endpoint-path.ts';
import { viewEndpoints, type NetworkView } from '../../../server/view/network-view.ts';
import { anyEndpoints, anyGateways } from '../../support/any-mesh.ts';
import { endpoint, gateway, mesh } from '../../support/mesh-model.ts';

interface Question {
  readonly endpoints: readonly Endpoint[];
  readonly gateways?: readonly NetworkGateway[];
  readonly reach?: Reach;
  readonly clusterLocal?: boolean;
  readonly requestedNetworks?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Names of degraded clusters. */
  readonly degraded?: readonly string[];
}

/** As cluster-1 on network1 sees port `http`. */
function view({
  endpoints,
  gateways = [],
  reach = 'all',
  clusterLocal = false,
  requestedNetworks = [],
  labels = {},
  degraded = [],
}: Question): NetworkView {
  return viewEndpoints(
    { endpoints, portName: 'http', subsetLabels: labels, clusterLocal },
    {
      clusterId: clusterId('cluster-1'),
      network: networkId('network1'),
      requestedNetworks: requestedNetworks.map((name) => networkId(name)),
      gateways: mesh({ gateways }).gateways,
      degradedClusters: new Set(degraded.map((name) => clusterId(name))),
      reach,
      speaksMtls: ({ tlsMode }) => tlsMode === 'istio',
    },
  );
}

function shares(network: NetworkView): Readonly<Record<string, number>> {
  return Object.fromEntries(
    network.groups
      .flatMap(({ endpoints }) => endpoints)
      .map((one) => [one.kind === 'direct' ? one.endpoint.address : one.gateway.address, one.weight]),
  );
}

const http = { http: 8080 };
const local = endpoint('cluster-1/network1', '10.1.0.5', http);
const far = endpoint('cluster-2/network2', '10.2.0.5', http);

describe('endpoints of another network', () => {
  test('are replaced by the gateway of their network', () => {
    expect(
      shares(view({ endpoints: [local, far], gateways: [gateway('network2', 'cluster-2', '172.30.0.2')] })),
    ).toEqual({
      '10.1.0.5': 1,
      '172.30.0.2': 1,
    });
  });

  test('are left out, with the reason, while their network has no known gateway', () => {
    const network = view({ endpoints: [local, far] });
    expect(shares(network)).toEqual({ '10.1.0.5': 1 });
    expect(network.dropped).toEqual([{ reason: 'no-gateway', clusterId: 'cluster-2', network: 'network2', count: 1 }]);
  });

  test('are left out when they do not speak mTLS', () => {
    const network = view({
      endpoints: [{ ...far, tlsMode: 'disabled' }],
      gateways: [gateway('network2', 'cluster-2', '172.30.0.2')],
    });
    expect(network.groups).toEqual([]);
    expect(network.dropped.map(({ reason }) => reason)).toEqual(['no-mtls-across-networks']);
  });

  test('are reached through gateways of their own cluster before others of the network', () => {
    const gateways = [gateway('network2', 'cluster-2', '172.30.0.2'), gateway('network2', 'cluster-9', '172.30.0.9')];
    expect(shares(view({ endpoints: [far], gateways }))).toEqual({ '172.30.0.2': 1 });
    const [, other] = gateways;
    expect(shares(view({ endpoints: [far], gateways: other === undefined ? [] : [other] }))).toEqual({
      '172.30.0.9': 1,
    });
  });

  test('in several zones make one entry a gateway, with the weight of all of them', () => {
    const endpoints = ['a', 'b', 'b'].map((zone, index) =>
      endpoint(`cluster-2/network2@r2/${zone}`, `10.2.0.${index}`, http),
    );
    const network = view({ endpoints, gateways: [gateway('network2', 'cluster-2', '172.30.0.2')] });
    expect(shares(network)).toEqual({ '172.30.0.2': 3 });
    expect(network.groups.map(({ locality }) => locality)).toEqual([{ region: 'r2', zone: '', subzone: '' }]);
  });

  test('of two clusters behind one address make one entry, under the name of the first cluster', () => {
    const gateways = ['cluster-3', 'cluster-2'].map((cluster) => gateway('network2', cluster, '172.30.0.2'));
    const endpoints = [endpoint('cluster-3/network2', '10.3.0.5', http), far];
    for (const order of [endpoints, endpoints.toReversed()]) {
      expect(view({ endpoints: order, gateways }).groups.flatMap(({ endpoints: group }) => group)).toEqual([
        { kind: 'gateway', gateway: gateways[1], weight: 2 },
      ]);
    }
  });

  test('are reached through gateways in the order of their names, whatever the order of endpoints', () => {
    const gateways = [gateway('network2', 'cluster-2', '172.30.0.9'), gateway('network3', 'cluster-3', '172.30.0.1')];
    const endpoints = [far, endpoint('cluster-3/network3', '10.3.0.5', http)];
    for (const order of [endpoints, endpoints.toReversed()]) {
      expect(Object.keys(shares(view({ endpoints: order, gateways })))).toEqual(['172.30.0.9', '172.30.0.1']);
    }
  });

  test('are not looked for where they are not asked for', () => {
    const gateways = [gateway('network2', 'cluster-2', '172.30.0.2')];
    for (const question of [
      { requestedNetworks: ['network1'] },
      { clusterLocal: true },
      { reach: 'direct' as const },
      { reach: 'direct-mtls' as const },
      { labels: { version: 'v9' } },
    ]) {
      expect(view({ endpoints: [far], gateways, ...question }).groups).toEqual([]);
    }
  });
});

describe('endpoints of the own network', () => {
  test('are used directly, also those of another cluster', () => {
    const peer = endpoint('cluster-2/network1', '10.2.0.5', http);
    expect(shares(view({ endpoints: [local, peer] }))).toEqual({ '10.1.0.5': 1, '10.2.0.5': 1 });
  });

  test('are left out when they are not ready or do not serve the port', () => {
    const network = view({
      endpoints: [
        { ...local, health: 'unhealthy' },
        { ...local, address: '10.1.0.6', ports: { other: 1 } },
      ],
    });
    expect(network.groups).toEqual([]);
    expect(network.dropped.map(({ reason }) => reason)).toEqual(['not-ready', 'port-not-served']);
  });

  test('with one address in two clusters are one', () => {
    const twin = endpoint('cluster-2/network1', '10.1.0.5', http);
    const network = view({ endpoints: [twin, local] });
    expect(network.groups.flatMap(({ endpoints }) => endpoints)).toEqual([
      { kind: 'direct', endpoint: local, port: 8080, weight: 1, mtls: true },
    ]);
  });
});

test('each endpoint has its exact share, whatever stands in front of it', () => {
  fc.assert(
    fc.property(anyEndpoints, anyGateways, (all, gateways) => {
      const endpoints = all.map((one) => ({ ...one, weight: Math.min(one.weight, 7) }));
      const reachable = view({ endpoints, gateways });
      const used = endpoints.filter(
        ({ health, network, tlsMode }) =>
          (network === 'network1' && health !== 'unhealthy') ||
          (health === 'healthy' && tlsMode === 'istio' && gateways.some((candidate) => candidate.network === network)),
      );
      const total = reachable.groups.reduce((sum, { weight }) => sum + weight, 0);
      const declared = used.reduce((sum, { weight }) => sum + weight, 0);
      const unit = total / (declared === 0 ? 1 : declared);
      const direct = reachable.groups.flatMap(({ endpoints: group }) => group.filter(({ kind }) => kind === 'direct'));
      for (const one of direct) {
        expect(one.weight).toBeCloseTo((one.kind === 'direct' ? one.endpoint.weight : 0) * unit, 6);
      }
      for (const network of ['network2', 'network3']) {
        const behind = used.filter((one) => one.network === network).reduce((sum, { weight }) => sum + weight, 0);
        const given = reachable.groups
          .flatMap(({ endpoints: group }) => group)
          .filter((one) => one.kind === 'gateway' && one.gateway.network === network)
          .reduce((sum, { weight }) => sum + weight, 0);
        expect(given).toBeCloseTo(behind * unit, 6);
      }
    }),
    { numRuns: 200 },
  );
});

describe('endpoints of a degraded cluster', () => {
  const near = endpoint('cluster-3/network1', '10.1.0.9', http);
  const gateway2 = gateway('network2', 'cluster-2', '172.30.0.2');
  const tiers = (network: NetworkView) =>
    network.groups.map(({ priority, endpoints }) => [
      priority,
      ...endpoints.map((one) => (one.kind === 'direct' ? one.endpoint.address : one.gateway.address)),
    ]);

  test('come second, directly or through a gateway that stands for nothing else', () => {
    expect(tiers(view({ endpoints: [local, near], degraded: ['cluster-3'] }))).toEqual([
      [0, '10.1.0.5'],
      [1, '10.1.0.9'],
    ]);
    expect(tiers(view({ endpoints: [local, far], gateways: [gateway2], degraded: ['cluster-2'] }))).toEqual([
      [0, '10.1.0.5'],
      [1, '172.30.0.2'],
    ]);
  });

  test('are first when there are no others: priorities have no gaps', () => {
    expect(tiers(view({ endpoints: [far], gateways: [gateway2], degraded: ['cluster-2'] }))).toEqual([
      [0, '172.30.0.2'],
    ]);
  });

  test('add nothing to a gateway that stands for others as well', () => {
    const other = endpoint('cluster-4/network2', '10.2.1.5', http);
    const network = view({ endpoints: [local, far, other], gateways: [gateway2], degraded: ['cluster-4'] });
    expect(tiers(network)).toEqual([[0, '10.1.0.5', '172.30.0.2']]);
    expect(shares(network)).toEqual({ '10.1.0.5': 1, '172.30.0.2': 1 });
  });

  test('never have a gap in their priorities, an address twice, or a weight too many', () => {
    const someClusters = fc.subarray(Array.from({ length: 8 }, (_, index) => `cluster-${index + 1}`));
    fc.assert(
      fc.property(anyEndpoints, anyGateways, someClusters, (endpoints, gateways, degraded) => {
        const plain = view({ endpoints, gateways });
        const network = view({ endpoints, gateways, degraded });
        const priorities = network.groups.map(({ priority }) => priority);
        expect([...new Set(priorities)]).toEqual(priorities.length === 0 ? [] : priorities.includes(1) ? [0, 1] : [0]);
        const sockets = tiers(network).flatMap(([, ...addresses]) => addresses);
        expect(new Set(sockets).size).toBe(sockets.length);
        expect(new Set(sockets)).toEqual(new Set(tiers(plain).flatMap(([, ...addresses]) => addresses)));
        for (const priority of [0, 1]) {
          const groups = network.groups.filter((group) => group.priority === priority);
          expect(groups.reduce((sum, { weight }) => sum + weight, 0)).toBeLessThan(2 ** 32);
        }
        expect(network.dropped).toEqual(plain.dropped);
      }),
    );
  });

  test('are nothing special when no endpoint is of a degraded cluster', () => {
    fc.assert(
      fc.property(anyEndpoints, anyGateways, (endpoints, gateways) => {
        const network = view({ endpoints, gateways, degraded: ['cluster-99'] });
        expect(network).toEqual(view({ endpoints, gateways }));
      }),
    );
  });
});
