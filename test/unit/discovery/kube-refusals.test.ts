// The API server source against a server that refuses, is overloaded, goes away or stands still.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../../discovery/source/kube/clock.ts';
import { refuse } from '../../support/scripted-kube-api.ts';
import { waitFor } from '../../support/wait-for.ts';
import { service, useKubeScene, type KubeScene } from './kube-scene.ts';

const scenes = useKubeScene();
let scene: KubeScene;
beforeEach(() => {
  scene = scenes.current();
});

describe('an API server that refuses', () => {
  it('with 401 is asked again with the token that its file has by then', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'kube-source-'));
    const tokenFile = path.join(directory, 'token');
    await writeFile(tokenFile, 'secret-token\n');
    const file = path.join(directory, 'kubeconfig');
    await writeFile(file, scene.api.kubeconfigWith({ tokenFile: 'token' }));
    const { listener } = await scene.opened({ credentials: { kind: 'file', path: file } });
    scene.api.token = 'rotated-token';
    scene.api.cutConnections();
    await listener.hears('the outage', () => listener.outages.length > 0);
    await listener.hears('the reason', () => listener.outages.at(-1)?.includes('401') === true);
    await writeFile(tokenFile, 'rotated-token\n');
    scene.api.put('services', service('after'));
    await listener.hears('what came after', () => listener.objects.has('Service/sample/after'));
    expect(listener.count('connected')).toBe(2);
    expect(JSON.stringify(listener.events)).not.toMatch(/(secret|rotated)-token/);
    await rm(directory, { recursive: true });
  });

  it('with 401 once is asked again at once with credentials that were read again', async () => {
    scene.failing('services', 1, (response) => refuse(response, 401, 'Unauthorized'));
    const { source } = await scene.opened();
    expect(source.status().feeds.find(({ kind }) => kind === 'Service')?.counts.failures).toBe(0);
  });

  it('with 403 an optional kind is no obstacle: a warning names the right that is missing until it is granted', async () => {
    let isForbidden = true;
    scene.api.misbehave = (asked, response) => {
      if (asked.resource !== 'nodes' || !isForbidden) return false;
      refuse(response, 403, 'nodes is forbidden: User "reader" cannot list resource "nodes"');
      return true;
    };
    const { listener, source } = await scene.opened();
    expect(listener.problems).toMatchObject([{ severity: 'warning', code: 'forbidden' }]);
    expect(listener.problems[0]?.message).toContain('resources: ["nodes"], verbs: ["get", "list", "watch"]');
    expect(source.status().feeds.find(({ kind }) => kind === 'Node')).toMatchObject({ phase: 'forbidden' });
    isForbidden = false;
    await listener.hears('no problem', () => listener.problems.length === 0);
    expect(listener.count('synced')).toBe(1);
  });

  it('with 403 a required kind is waited for', async () => {
    scene.failing('services', 7, (response) => refuse(response, 403, 'forbidden'));
    const { listener } = scene.open();
    await listener.hears('the problem', () => listener.problems.length > 0);
    expect(listener.problems).toMatchObject([{ severity: 'error', code: 'forbidden' }]);
    expect(listener.count('synced')).toBe(0);
    await listener.synced();
    await listener.hears('no problem', () => listener.problems.length === 0);
  });

  it('with 403 for a moment, as servers do that have just started, is asked again soon and not believed', async () => {
    const { listener, source } = await scene.opened();
    scene.failing('services', 3, (response) => refuse(response, 403, 'forbidden'));
    scene.api.endWatches('services');
    const services = () => source.status().feeds.find(({ kind }) => kind === 'Service');
    await listener.hears('three refusals', () => (services()?.counts.failures ?? 0) >= 3);
    scene.api.put('services', service('later'));
    await listener.hears('a change', () => listener.objects.has('Service/sample/later'));
    expect(listener.problems).toEqual([]);
  });

  it('with 429 is left alone as long as it asks', async () => {
    const { clock, pauses } = recordingClock();
    scene.failing('services', 1, (response) => refuse(response, 429, 'slow down', { 'Retry-After': '7' }));
    await scene.opened({ clock, random: () => 0.5 });
    // Up to a fifth more, so that many who were refused don't come back together.
    expect(pauses.map(Math.round)).toContain(7_700);
  });

  it('with 500 is asked again for ever, each time after a longer pause up to a bound', async () => {
    const { clock, pauses } = recordingClock();
    scene.failing('services', 12, (response) => refuse(response, 500, 'etcd is on fire'));
    await scene.opened({ clock, random: () => 0.999, timings: { backOffFirstMs: 301, backOffLongestMs: 4_001 } });
    const waits = pauses.filter((ms) => ms > 300 && ms <= 4_001 && ms !== 1_000).slice(0, 12);
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect(Math.round(waits[0] ?? 0)).toBe(301);
    expect(Math.round(waits.at(-1) ?? 0)).toBe(3999);
  });

  it('to stream a list is asked for pages, without an error', async () => {
    scene.api.canStreamList = false;
    const { source } = await scene.opened();
    expect(source.status().feeds.every(({ counts }) => counts.failures === 0)).toBe(true);
  });

  it('answers that end at once do not make it ask without a pause', async () => {
    scene.api.misbehave = (asked, response) => {
      if (asked.resource !== 'services' || asked.query.has('sendInitialEvents')) return false;
      response.end();
      return true;
    };
    const { listener } = await scene.opened();
    const before = scene.api.askedFor('services').length;
    scene.api.endWatches('services');
    await waitFor(
      () => scene.api.askedFor('services').length - before,
      (count) => count >= 6,
      { what: 'six tries' },
    );
    const times = scene.api
      .askedFor('services')
      .slice(before)
      .map(({ atMs }) => atMs);
    expect((times[5] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(60);
    expect(listener.count('deleted')).toBe(0);
  });
});

describe('an API server whose clock is not ours', () => {
  it('says itself whether a token has ended, and dates in the future are dates', async () => {
    const claims = Buffer.from(JSON.stringify({ exp: Date.now() / 1000 - 86_400 })).toString('base64url');
    scene.api.token = `e30.${claims}.signature`;
    const born = { creationTimestamp: new Date(Date.now() + 86_400_000).toISOString() };
    const one = service('one');
    scene.api.put('services', { ...one, metadata: { ...one.metadata, ...born } });
    const { listener, source } = await scene.opened();
    expect(listener.objects.has('Service/sample/one')).toBe(true);
    expect(listener.problems).toEqual([]);
    expect(source.status().feeds.every(({ counts }) => counts.failures === 0)).toBe(true);
  });
});

describe('an API server that goes away', () => {
  it('withdraws nothing, is told as an outage with its reason, and is followed again when it is back', async () => {
    scene.api.put('services', service('one'));
    const { listener, source } = await scene.opened();
    await scene.api.stop();
    await listener.hears('the outage', () => listener.outages.length > 0);
    await listener.hears('the reason', () => listener.outages.at(-1)?.includes('refused') === true);
    expect(source.status()).toMatchObject({ connected: false, synced: true });
    expect(source.status().error).toContain("can't be reached");
    scene.api.put('services', service('two'));
    await scene.api.start();
    await listener.hears('what came meanwhile', () => listener.objects.has('Service/sample/two'));
    expect(listener.count('deleted')).toBe(0);
    expect(listener.toldOf('one')).toBe(1);
    expect(listener.count('connected')).toBe(2);
  });

  it('is followed by all kinds as soon as one of them finds it again', async () => {
    const pauseMs = 3_600_000;
    const pauses: (() => void)[] = [];
    const clock: Clock = {
      now: () => systemClock.now(),
      // The pauses after failures end when the test says so, or are ended by the source.
      sleep: (ms, signal) => {
        if (ms < pauseMs / 2) return systemClock.sleep(ms, signal);
        const { promise, resolve } = Promise.withResolvers<void>();
        pauses.push(resolve);
        return Promise.race([promise, systemClock.sleep(2 ** 30, signal)]);
      },
    };
    const timings = { backOffFirstMs: pauseMs, backOffLongestMs: pauseMs };
    const { listener, source } = await scene.opened({ clock, timings });
    await scene.api.stop();
    const kinds = source.status().feeds.length;
    await listener.hears('every kind to pause', () => pauses.length === kinds);
    await scene.api.start();
    scene.api.put('services', service('later'));
    // An answer that a kind is not installed does not tell that the others are served.
    while (listener.count('connected') < 2) {
      const before = source.status().feeds.filter(({ phase }) => phase === 'failing').length;
      pauses.pop()?.();
      await listener.hears(
        'one kind to go on',
        () => source.status().feeds.filter(({ phase }) => phase === 'failing').length < before,
      );
    }
    expect(pauses.length).toBeGreaterThan(1);
    await listener.hears('all of them', () => source.status().feeds.every(({ phase }) => phase !== 'failing'));
    await listener.hears('what came after', () => listener.objects.has('Service/sample/later'));
  });

  it('before it was ever reached is waited for', async () => {
    await scene.api.stop();
    const { listener } = scene.open();
    await listener.hears('the outage', () => listener.outages.length > 0);
    expect(listener.count('synced')).toBe(0);
    await scene.api.start();
    await listener.synced();
  });

  it('by standing still is noticed by asking whether it lives', async () => {
    const { listener } = await scene.opened({ timings: { probeMs: 100, answerTimeoutMs: 150 } });
    // Every connection stays open and nothing is answered any more.
    let isStill = true;
    scene.api.misbehave = () => isStill;
    await listener.hears('the outage', () => listener.outages.length > 0);
    expect(listener.outages[0]).toContain('did not answer');
    expect(listener.count('deleted')).toBe(0);
    isStill = false;
    await listener.hears('the end of the outage', () => listener.count('connected') === 2);
  });
});

describe('an API server that comes back', () => {
  it('is read completely before it counts as read, however often its kinds failed while it was away', async () => {
    scene.api.goDown();
    const { listener, source } = scene.open();
    const failures = (kind: string) => source.status().feeds.find((feed) => feed.kind === kind)?.counts.failures ?? 0;
    await listener.hears('an outage that is long for pods', () => failures('Pod') > 5);
    let isHeld = true;
    scene.api.misbehave = ({ resource }) => isHeld && resource === 'pods';
    scene.api.comeBack();
    const phase = (kind: string) => source.status().feeds.find((feed) => feed.kind === kind)?.phase;
    await listener.hears(
      'the services',
      () => phase('Service') === 'watching' && phase('EndpointSlice') === 'watching',
    );
    await listener.hears('the namespaces', () => phase('Namespace') === 'watching');
    expect(listener.count('synced')).toBe(0);
    isHeld = false;
    scene.api.cutConnections();
    await listener.synced();
  });
});

describe('an API server that is slow', () => {
  it('to answer whether it lives is asked again before it counts as lost', async () => {
    const { listener } = await scene.opened({ timings: { probeMs: 100, probeTimeoutMs: 400, rediscoverMs: 60_000 } });
    let probes = 0;
    scene.api.misbehave = ({ query }) => query.get('limit') === '1' && (probes += 1) % 2 === 1;
    await waitFor(
      () => probes,
      (count) => count >= 6,
      { what: 'three questions and their repetitions' },
    );
    expect(listener.outages).toEqual([]);
  });
});

describe('an API server that accepts connections and says nothing', () => {
  it('is noticed before the time for an answer is over', async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => sockets.add(socket));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const kubeconfig = scene.api.kubeconfig.replace(scene.api.url, `https://127.0.0.1:${port}`);
    const { listener } = scene.open({
      credentials: { kind: 'text', kubeconfig },
      timings: { connectTimeoutMs: 100, answerTimeoutMs: 60_000 },
    });
    await listener.hears('the outage', () => listener.outages.length > 0);
    expect(listener.outages[0]).toContain('no connection to the API server came about');
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});

/** Real time, but long pauses are short; remembers what was asked for. */
function recordingClock(): { clock: Clock; pauses: number[] } {
  const pauses: number[] = [];
  const clock: Clock = {
    now: () => systemClock.now(),
    sleep: async (ms, signal) => {
      pauses.push(ms);
      // Deadlines of requests and watches stay what they are.
      await systemClock.sleep(ms > 9_000 ? ms : ms / 1_000, signal);
    },
  };
  return { clock, pauses };
}
