// The shares that `why` reports are those of the weights that proxies are sent.

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Endpoint } from '../../../discovery/model/endpoint.ts';
import { parseLocality } from '../../../discovery/model/locality.ts';
import type { LocalitySettings } from '../../../discovery/model/policy.ts';
import { explainEndpoints } from '../../../server/admin/explain-endpoints.ts';
import { buildOutboundView, type EndpointSelection } from '../../../server/view/outbound-view.ts';
import { viewKeysOf } from '../../../server/view/view-key.ts';
import {
  aMesh,
  anEndpoint,
  aProxy,
  cluster1,
  cluster2,
  gateway2,
  helloworld,
  network1,
  network2,
} from '../../feature/admin/two-regions.ts';

const anyEndpoint: fc.Arbitrary<Endpoint> = fc
  .record({
    number: fc.integer({ min: 2, max: 40 }),
    where: fc.constantFrom(cluster1, cluster2),
    network: fc.constantFrom(network1, network2),
    health: fc.constantFrom('healthy' as const, 'unhealthy' as const),
    tlsMode: fc.constantFrom('istio' as const, 'istio' as const, 'disabled' as const),
    weight: fc.integer({ min: 1, max: 5 }),
    ports: fc.constantFrom({ http: 5000 }, { http: 5000 }, { other: 1 }),
  })
  .map(({ number, where, ...rest }) => anEndpoint(`10.0.0.${number}`, where, rest));

const anyPlace = fc.constantFrom('', 'r1/a', 'r1/b', 'r2/a');
const nearest: LocalitySettings = { enabled: true, distribute: [], failover: [], failoverPriority: [] };
const shared: LocalitySettings = {
  ...nearest,
  distribute: [
    {
      from: 'r1/*',
      to: [
        { place: 'r1/a', percent: 70 },
        { place: 'r2', percent: 30 },
      ],
    },
  ],
};
const anySettings = fc.constantFrom<LocalitySettings | undefined>(undefined, nearest, shared, {
  ...shared,
  failover: [{ from: 'r1', to: 'r2' }],
});

test('direct and gateway shares equal the weights that are used first, for any endpoints, places and settings', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(anyEndpoint, anyPlace), { maxLength: 20 }),
      fc.boolean(),
      anySettings,
      (placed, twoGateways, locality) => {
        const endpoints = placed.map(([one, place]) => ({ ...one, locality: parseLocality(place) }));
        const second = { ...gateway2, address: '192.0.2.3' };
        const gateways = new Map([[network2, twoGateways ? [gateway2, second] : [gateway2]]]);
        const mesh = aMesh({ endpoints: [[helloworld, endpoints]], gateways });
        const { outboundScope } = viewKeysOf(aProxy(), mesh);
        const scope = { ...outboundScope, locality: parseLocality('r1/a') };
        const port = { name: 'http', port: 5000, protocol: 'http' } as const;
        const selection: EndpointSelection = { labels: {}, reach: 'all', locality };

        const first = buildOutboundView(scope, mesh)
          .endpointsFor(helloworld, port, selection)
          .groups.filter(({ priority }) => priority === 0);
        const reached = first.flatMap((group) => group.endpoints);
        const { groups } = explainEndpoints({ mesh, scope, host: helloworld, port, selection });

        const total = reached.reduce((sum, { weight }) => sum + weight, 0);
        for (const kind of ['direct', 'gateway'] as const) {
          const sent = reached.filter((one) => one.kind === kind).reduce((sum, { weight }) => sum + weight, 0);
          const said = groups.filter(({ outcome }) => outcome === kind).reduce((sum, { percent }) => sum + percent, 0);
          expect(said).toBeCloseTo(total === 0 ? 0 : (100 * sent) / total, 1);
        }
        expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(endpoints.length);
      },
    ),
  );
});

test('endpoints that locality settings hold back say so, apart from those of their cluster that are used', () => {
  const endpoints = ['r1/a', 'r1/b'].map((place, index) =>
    anEndpoint(`10.0.0.${String(index + 2)}`, cluster1, { locality: parseLocality(place) }),
  );
  const mesh = aMesh({ endpoints: [[helloworld, endpoints]] });
  const { outboundScope } = viewKeysOf(aProxy(), mesh);
  const scope = { ...outboundScope, locality: parseLocality('r1/a') };
  const port = { name: 'http', port: 5000, protocol: 'http' } as const;
  const selection: EndpointSelection = { labels: {}, reach: 'all', locality: nearest };
  const { groups } = explainEndpoints({ mesh, scope, host: helloworld, port, selection });
  expect(groups.map(({ addresses, percent, explanation }) => [addresses, percent, explanation])).toEqual([
    [['10.0.0.2'], 100, 'on the same network (network1), used directly'],
    [
      ['10.0.0.3'],
      0,
      'on the same network (network1), used directly; but only when those that locality settings prefer fail',
    ],
  ]);
});
