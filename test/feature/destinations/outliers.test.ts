// Endpoints that fail are put aside by a real Envoy, gateways only when others are left, and the next nearest are used instead.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseLocality } from '../../../discovery/model/locality.ts';
import { gateway, sidecar } from '../../support/mesh-model.ts';
import { waitFor } from '../../support/wait-for.ts';
import { startBackend, type Backend } from './backend.ts';
import { balanceInEnvoy, meshIdentity, type BalancingEnvoy } from './balancing-envoy.ts';
import { directly, meshOf, remotely } from './destination-mesh.ts';

const stack = new AsyncDisposableStack();
const backends = new Map<string, Backend>();
let envoy: BalancingEnvoy;

const outlierDetection = { consecutive5xxErrors: 3, interval: '300s', baseEjectionTime: '300s' };
const rule = { trafficPolicy: { outlierDetection: { ...outlierDetection, maxEjectionPercent: 100 } } };
const turns = { simple: 'ROUND_ROBIN' };
/** No second attempt: each request shows what one endpoint does. */
const spread = { loadBalancer: { ...turns, localityLbSetting: { enabled: false } } };

beforeAll(async () => {
  const identity = await meshIdentity();
  const start = async (name: string, isGateway = false): Promise<Backend> => {
    const backend = stack.use(await startBackend(name, isGateway ? identity.serverTls : undefined));
    backends.set(name, backend);
    return backend;
  };
  const group = (name: string): Promise<readonly Backend[]> =>
    Promise.all(['1', '2', '3'].map((number) => start(`${name}-${number}`)));
  const spare = await group('spare');
  const small = await group('small');
  const places = ['r1/a', 'r1/b', 'r2/a', 'r3/a'];
  const tiers = await Promise.all(places.map((place) => start(place)));
  const lone = await start('lone', true);
  const first = await start('first', true);
  const second = await start('second', true);
  const near = await start('near');
  const behind = await start('behind', true);
  const mesh = meshOf(
    {
      spare: {
        endpoints: spare.map((one) => directly(one)),
        rule: { trafficPolicy: { ...rule.trafficPolicy, ...spread } },
      },
      small: {
        endpoints: small.map((one) => directly(one)),
        rule: { trafficPolicy: { outlierDetection, ...spread } },
      },
      only: {
        endpoints: [directly(await start('only'))],
        rule: { trafficPolicy: { outlierDetection, tls: { mode: 'DISABLE' } } },
      },
      tiers: {
        endpoints: tiers.map((one) => directly(one, `cluster-1/network1@${one.name}`)),
        rule: {
          trafficPolicy: {
            ...rule.trafficPolicy,
            loadBalancer: { localityLbSetting: { failover: [{ from: 'r1', to: 'r3' }] } },
          },
        },
      },
      lone: { endpoints: remotely('cluster-2/lone', 2), rule },
      pair: { endpoints: remotely('cluster-2/pair', 2), rule: { trafficPolicy: { ...rule.trafficPolicy, ...spread } } },
      mixed: {
        endpoints: [directly(near, 'cluster-1/network1@r1/a'), ...remotely('cluster-2/behind@r2/a', 2)],
        rule,
      },
    },
    {
      gateways: [
        gateway('lone', 'cluster-2', '127.0.0.1', lone.port),
        gateway('pair', 'cluster-2', '127.0.0.1', first.port),
        gateway('pair', 'cluster-2', '127.0.0.1', second.port),
        gateway('behind', 'cluster-2', '127.0.0.1', behind.port),
      ],
    },
  );
  envoy = stack.use(await balanceInEnvoy({ proxy: sidecar({ locality: parseLocality('r1/a') }), mesh, identity }));
});

afterAll(() => stack.disposeAsync());

const backend = (name: string): Backend => {
  const found = backends.get(name);
  if (found === undefined) throw new Error(`no backend ${name}`);
  return found;
};

test('an endpoint that answers with errors is put aside after as many as the rule says', async () => {
  backend('spare-1').status = 500;
  expect(await envoy.shares('spare', 6)).toEqual({ 'spare-1': 2, 'spare-2': 2, 'spare-3': 2 });
  expect(await envoy.stat('spare', 'outlier_detection.ejections_active')).toBe(0);
  await envoy.shares('spare', 3);
  await expectOnly('spare', ['spare-2', 'spare-3']);
  expect(await envoy.stat('spare', 'outlier_detection.ejections_active')).toBe(1);
});

test('so is one of a few when the rule says no maximum', async () => {
  backend('small-1').status = 500;
  await envoy.shares('small', 9);
  await expectOnly('small', ['small-2', 'small-3']);
});

test('but not the only one', async () => {
  backend('only').status = 500;
  expect(await envoy.shares('only', 20)).toEqual({ only: 20 });
});

test('when the own zone fails the region is used, then the region that it fails over to', async () => {
  expect(await envoy.shares('tiers', 10)).toEqual({ 'r1/a': 10 });
  for (const [failing, next] of [
    ['r1/a', 'r1/b'],
    ['r1/b', 'r3/a'],
    ['r3/a', 'r2/a'],
  ] as const) {
    backend(failing).status = 500;
    await expectOnly('tiers', [next]);
  }
});

test('errors that come through a gateway say nothing of the gateway', async () => {
  backend('lone').status = 500;
  expect(await envoy.shares('lone', 20)).toEqual({ lone: 20 });
  backend('lone').status = 200;
});

test('a single gateway that can be reached no more is tried on, and used as soon as it is back', async () => {
  await backend('lone').close();
  for (let sent = 0; sent < 12; sent += 1) {
    const { status, flags } = await envoy.ask('lone');
    // Not UH: there is somebody to ask.
    expect([status, flags]).toEqual([503, 'URX,UF']);
  }
  await backend('lone').open();
  expect(await envoy.shares('lone', 5)).toEqual({ lone: 5 });
});

test('of two gateways the one that can be reached no more is put aside', async () => {
  await backend('first').close();
  // Attempts that fail are made again elsewhere, so no request does.
  expect(await envoy.shares('pair', 40)).toEqual({ second: 40 });
  expect(await envoy.stat('pair', 'outlier_detection.ejections_active')).toBe(1);
});

test('behind the nearest, too, a gateway is there for when they fail', async () => {
  expect(await envoy.shares('mixed', 10)).toEqual({ near: 10 });
  backend('near').status = 500;
  await expectOnly('mixed', ['behind']);
});

/** Soon all requests are answered by these: Envoy tells its threads of all that happens within a second at once. */
async function expectOnly(service: string, names: readonly string[]): Promise<void> {
  await waitFor(
    () => envoy.shares(service, 10),
    (shares) => Object.keys(shares).toSorted().join() === names.join(),
    { what: `answers from ${names.join()} alone` },
  );
  expect(Object.keys(await envoy.shares(service, 20)).toSorted()).toEqual(names);
}
