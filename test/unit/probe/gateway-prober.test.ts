// Probing against real listeners: what answers, what stops answering, and what never did.

import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../ca/clock.ts';
import { socketOf } from '../../../discovery/model/network-gateway.ts';
import { GatewayProber } from '../../../server/probe/gateway-prober.ts';
import { tcpProbe, type Probe, type ProbeTarget } from '../../../server/probe/tcp-probe.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { waitFor } from '../../support/wait-for.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function listen(port = 0): Promise<{ readonly target: ProbeTarget; readonly server: Server }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => close(server));
  return { target: { address: '127.0.0.1', port: (server.address() as AddressInfo).port }, server };
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  server.close();
  await once(server, 'close');
}

function start(probe: Probe = tcpProbe(1_000)) {
  const told: string[][] = [];
  const prober = new GatewayProber({
    probe,
    clock: systemClock,
    random: Math.random,
    intervalMs: 20,
    maxConcurrent: 4,
    onDead: (sockets) => told.push([...sockets]),
  });
  closers.push(() => prober.close());
  const until = (target: ProbeTarget, verdict: string) =>
    waitFor(
      () => prober.state(target)?.verdict,
      (now) => now === verdict,
      { what: `${socketOf(target)} to be ${verdict}`, intervalMs: 5 },
    );
  return { prober, told, until };
}

describe('a gateway of another network', () => {
  test('that stops listening is dead, and back when it listens again', async () => {
    const { target, server } = await listen();
    const { prober, told, until } = start();
    prober.update([target]);
    await until(target, 'reachable');
    await close(server);
    await until(target, 'unreachable');
    expect(told.at(-1)).toEqual([socketOf(target)]);
    expect(prober.state(target)?.lastError).toBe('ECONNREFUSED');
    await listen(target.port);
    await until(target, 'reachable');
    expect(told.at(-1)).toEqual([]);
  });

  test('that never answered stays in use: the control plane may have no route to it', async () => {
    const { target, server } = await listen();
    await close(server);
    const probes: string[] = [];
    const { prober, told } = start((to, signal) => {
      probes.push(socketOf(to));
      return tcpProbe(1_000)(to, signal);
    });
    prober.update([target]);
    await waitFor(
      () => probes.length,
      (count) => count > 8,
      { what: 'many probes', intervalMs: 5 },
    );
    expect(prober.state(target)).toMatchObject({ verdict: 'unknown', lastError: 'ECONNREFUSED' });
    expect(told.flat()).toEqual([]);
  });

  test('that is not part of the mesh any more is not probed and not dead', async () => {
    const { target, server } = await listen();
    const { prober, told, until } = start();
    prober.update([target]);
    await until(target, 'reachable');
    await close(server);
    await until(target, 'unreachable');
    prober.update([]);
    expect(prober.state(target)).toBeUndefined();
    expect(told.at(-1)).toEqual([]);
  });

  test('keeps what is known of it while others come and go', async () => {
    const { target } = await listen();
    const { target: other } = await listen();
    const { prober, until } = start();
    prober.update([target]);
    await until(target, 'reachable');
    prober.update([other, target]);
    expect(prober.state(target)?.verdict).toBe('reachable');
    expect(prober.state(other)?.verdict).toBe('unknown');
  });
});

test('a connection that is neither accepted nor refused is given up after the time', async () => {
  // TEST-NET-1 is routed nowhere; where even that is refused at once, the reason differs and the result is the same.
  const reason = await tcpProbe(50)({ address: '192.0.2.1', port: 15443 }, new AbortController().signal);
  expect(reason).toBeTypeOf('string');
});

test('no more probes are under way at once than allowed', async () => {
  let now = 0;
  let most = 0;
  let probes = 0;
  const { prober } = start(async () => {
    now += 1;
    probes += 1;
    most = Math.max(most, now);
    await new Promise((resolve) => setImmediate(resolve));
    now -= 1;
    return undefined;
  });
  prober.update(Array.from({ length: 20 }, (_, index) => ({ address: `10.0.0.${index + 1}`, port: 15443 })));
  await waitFor(
    () => probes,
    (count) => count >= 40,
    { what: 'two rounds', intervalMs: 5 },
  );
  expect(most).toBe(4);
});

test('a doubt is settled faster than the usual rhythm', async () => {
  const clock = new FakeClock();
  const results: (string | undefined)[] = [undefined, 'ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED'];
  const prober = new GatewayProber({
    probe: () => Promise.resolve(results.shift()),
    clock,
    random: () => 0.5,
    intervalMs: 5_000,
    maxConcurrent: 1,
    onDead: () => undefined,
  });
  closers.push(() => prober.close());
  const target = { address: '10.0.0.1', port: 15443 };
  prober.update([target]);
  const pauses: number[] = [];
  for (let probe = 0; probe < 3; probe += 1) {
    pauses.push(await clock.untilNextWakeMs());
    clock.advance(pauses.at(-1) ?? 0);
  }
  await clock.untilNextWakeMs();
  expect(pauses).toEqual([5_000, 1_000, 1_000]);
  expect(prober.state(target)?.verdict).toBe('unreachable');
});
