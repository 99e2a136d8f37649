// Which endpoints a client uses first, and what part of its traffic each place gets.

import { expect, test } from 'vitest';
import { clusterId, networkId } from '../../../discovery/model/names.ts';
import type { LocalitySettings } from '../../../discovery/model/policy.ts';
import { preferenceOf } from '../../../server/view/client-preference.ts';
import { viewEndpoints } from '../../../server/view/network-view.ts';
import { viewKeysOf } from '../../../server/view/view-key.ts';
import { declaredRule } from '../../support/declared-rule.ts';
import { endpoint, gateway, mesh, sidecar } from '../../support/mesh-model.ts';

const nothing: LocalitySettings = { enabled: true, distribute: [], failover: [], failoverPriority: [] };
const client = { locality: { region: 'r1', zone: 'a', subzone: '' }, labels: { tier: 'gold' } };
const http = { http: 80 };
const near = endpoint('cluster-1/network1@r1/a', '10.1.0.1', http);
const zone = endpoint('cluster-1/network1@r1/b', '10.1.0.2', http, { labels: { tier: 'gold' } });
const far = endpoint('cluster-2/network2@r2/a', '10.2.0.1', http);
const farther = endpoint('cluster-2/network2@r2/b', '10.2.0.2', http);

const look = (settings: Partial<LocalitySettings>, endpoints = [near, zone, far, farther]) =>
  viewEndpoints(
    {
      endpoints,
      portName: 'http',
      subsetLabels: {},
      clusterLocal: false,
      preference: preferenceOf({ ...nothing, ...settings }, client),
    },
    {
      clusterId: clusterId('cluster-1'),
      network: networkId('network1'),
      requestedNetworks: [],
      gateways: mesh({
        gateways: [gateway('network2', 'cluster-2', '192.0.2.1'), gateway('network2', 'cluster-2', '192.0.2.2')],
      }).gateways,
      degradedClusters: new Set(),
      reach: 'all',
      speaksMtls: () => true,
    },
  );

const zones = ({ groups }: ReturnType<typeof look>) =>
  groups.map(({ priority, locality, weight }) => [priority, `${locality.region}/${locality.zone}`, weight]);

test('the own zone is first, then the own region, then what is behind gateways', () => {
  expect(zones(look({}))).toEqual([
    [0, 'r1/a', 1],
    [1, 'r1/b', 1],
    [2, 'r2/', 2],
  ]);
});

test('without a ready endpoint in the own zone the next is first', () => {
  expect(zones(look({}, [{ ...near, health: 'unhealthy' }, zone]))).toEqual([[0, 'r1/b', 1]]);
});

test('labels go before places', () => {
  expect(zones(look({ failoverPriority: ['tier'] })).slice(0, 1)).toEqual([[0, 'r1/b', 1]]);
});

test('percentages are exact through gateways, and alone they leave the rest out', () => {
  const distribute = [
    {
      from: 'r1/*',
      to: [
        { place: 'r1/a', percent: 70 },
        { place: 'r2/*', percent: 30 },
      ],
    },
  ];
  const seen = look({ distribute });
  expect(zones(seen)).toEqual([
    [0, 'r1/a', 14],
    [0, 'r2/', 6],
  ]);
  expect(seen.dropped).toEqual([{ reason: 'no-share', clusterId: 'cluster-1', network: 'network1', count: 1 }]);
  expect(zones(look({ distribute, failover: [{ from: 'r1', to: 'r2' }] })).at(-1)).toEqual([1, 'r1/b', 1]);
});

test('three zones are one class until a rule asks where clients are, then three', () => {
  const keys = (...policies: Parameters<typeof mesh>[0]['policies'] & object) =>
    new Set(
      ['a', 'b', 'c'].map(
        (name) =>
          viewKeysOf(sidecar({ locality: { region: 'r1', zone: name, subzone: '' } }), mesh({ policies })).outbound,
      ),
    ).size;
  expect(keys(declaredRule('plain', { host: 'one', trafficPolicy: { loadBalancer: { simple: 'RANDOM' } } }))).toBe(1);
  expect(keys(declaredRule('near', { host: 'one', trafficPolicy: { outlierDetection: {} } }))).toBe(3);
});
