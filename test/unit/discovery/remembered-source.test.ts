// What an instance remembers of its clusters: served from the first moment of the next start, compared with what really is as
// soon as that can be read, and never trusted when it is damaged.

import { hash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../../discovery/model/kubernetes-object.ts';
import { keyOf } from '../../../discovery/model/kubernetes-object.ts';
import { defaultMeshConfig, noMeshNetworks } from '../../../discovery/model/mesh-config.ts';
import { clusterId, networkId } from '../../../discovery/model/names.ts';
import type { Source, SourceEvent, SourceScope } from '../../../discovery/model/source-event.ts';
import { ClusterRegistry } from '../../../discovery/registry/cluster-registry.ts';
import { RememberedSource } from '../../../discovery/source/remembered/remembered-source.ts';
import { SnapshotFile } from '../../../discovery/source/remembered/snapshot-file.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import {
  namespaceManifest,
  objectOf,
  podManifest,
  policyManifest,
  serviceManifest,
  sliceManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { ScriptedSource } from '../../support/scripted-source.ts';
import { waitFor } from '../../support/wait-for.ts';
import { plain } from './cluster-scene.ts';

const one = serviceManifest('one');
const two = serviceManifest('two');
const pod = podManifest('one-1', '10.0.0.1', 'one');

let directory: string;
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'state-'));
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await rm(directory, { recursive: true, force: true });
});

interface Life {
  readonly source: ScriptedSource;
  readonly registry: ClusterRegistry;
  readonly clock: FakeClock;
  readonly events: SourceEvent[];
  readonly file: SnapshotFile;
  /** As when the process is told to stop. */
  stop(): Promise<void>;
}

/** One life of an instance: a registry over a source with a memory. */
async function begin(
  options: { id?: string; scope?: SourceScope; nowMs?: number; maxBytes?: number } = {},
): Promise<Life> {
  const id = clusterId(options.id ?? 'cluster-1');
  const scope = options.scope ?? 'primary';
  const source = new ScriptedSource(scope);
  const clock = new FakeClock(options.nowMs);
  const file = new SnapshotFile({ directory, clusterId: id, scope });
  const events: SourceEvent[] = [];
  const remembering = new RememberedSource({
    source,
    file,
    clock,
    writeEveryMs: 3_000,
    touchEveryMs: 30_000,
    maxBytes: options.maxBytes,
  });
  const registry = new ClusterRegistry({
    clusterId: id,
    mode: scope,
    source: remembering,
    network: networkId('network1'),
    config: defaultMeshConfig,
    meshNetworks: noMeshNetworks,
    now: () => clock.now(),
  });
  const stopping = new AbortController();
  const fold = registry.fold.bind(registry);
  registry.fold = (batch) => {
    events.push(...batch);
    fold(batch);
  };
  const running = registry.run(stopping.signal);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await running;
  };
  stops.push(stop);
  await source.running;
  return { source, registry, clock, events, file, stop };
}

/** A life that ended well, having known these objects. */
async function lived(manifests: readonly Manifest[], options: Parameters<typeof begin>[0] = {}): Promise<SnapshotFile> {
  const life = await begin(options);
  life.source.tellAll(manifests);
  await life.stop();
  return life.file;
}

function keysOf(events: readonly SourceEvent[]): readonly string[] {
  const objects = new Map<string, KubernetesObject>();
  for (const event of events) {
    if (event.kind === 'changed') objects.set(keyOf(event.object), event.object);
    if (event.kind === 'deleted') objects.delete(event.key);
  }
  return [...objects.keys()].toSorted();
}

const codes = (life: Life): readonly string[] => life.registry.status().problems.map(({ code }) => code);

describe('an instance that starts while a cluster can not be read', () => {
  it('serves what it knew at once, marked as stale since then', async () => {
    const at = Date.parse('2030-01-01T10:00:00Z');
    await lived([one, two, pod], { nowMs: at });
    const { registry } = await begin({ nowMs: at + 60_000 });
    expect(registry.known).toBe(true);
    expect(registry.synced).toBe(false);
    expect(registry.status()).toMatchObject({
      phase: 'stale',
      staleSince: '2030-01-01T10:00:00.000Z',
      lastEventAt: '2030-01-01T10:00:00.000Z',
      services: 2,
      endpoints: 1,
      conditions: [{ name: 'remembered' }],
    });
  });

  it('says why the cluster can not be read, and stays as stale as it was', async () => {
    const at = Date.parse('2030-01-01T10:00:00Z');
    await lived([one], { nowMs: at });
    const { registry, source } = await begin({ nowMs: at + 60_000 });
    source.tell({ kind: 'disconnected', reason: 'connection refused' });
    expect(registry.status()).toMatchObject({
      phase: 'stale',
      staleSince: '2030-01-01T10:00:00.000Z',
      lastEventAt: '2030-01-01T10:00:00.000Z',
      error: 'connection refused',
    });
  });

  it('is as stale after several starts as after the first', async () => {
    const at = Date.parse('2030-01-01T10:00:00Z');
    await lived([one], { nowMs: at });
    for (const laterMs of [60_000, 120_000]) {
      const life = await begin({ nowMs: at + laterMs });
      life.source.tell({ kind: 'disconnected', reason: 'gone' });
      expect(life.registry.status().staleSince).toBe('2030-01-01T10:00:00.000Z');
      await life.stop();
    }
  });

  it('withdraws nothing before everything was read again', async () => {
    await lived([one, two, pod]);
    const { registry, source } = await begin();
    source.tell(
      { kind: 'connected' },
      { kind: 'changed', object: objectOf(one) },
      { kind: 'deleted', key: keyOf(objectOf(pod)) },
    );
    expect(registry.status()).toMatchObject({ phase: 'stale', services: 2, endpoints: 1 });
    source.tell({ kind: 'synced' });
    expect(registry.status()).toMatchObject({ phase: 'running', services: 1, endpoints: 0, conditions: [] });
    expect(registry.status().staleSince).toBeUndefined();
  });

  it('has nothing to serve when it never knew anything', async () => {
    const { registry } = await begin();
    expect(registry.known).toBe(false);
    expect(registry.phase).toBe('connecting');
  });

  it('knows a cluster without objects as well', async () => {
    await lived([]);
    expect((await begin()).registry.known).toBe(true);
  });
});

const names = ['one', 'two', 'three'];
const anyManifest: fc.Arbitrary<Manifest> = fc.oneof(
  fc
    .record({ name: fc.constantFrom(...names), port: fc.constantFrom(80, 81) })
    .map(({ name, port }) => serviceManifest(name, { ports: [{ name: 'http', port }] })),
  fc
    .record({
      name: fc.constantFrom('a', 'b'),
      app: fc.constantFrom(...names),
      address: fc.integer({ min: 1, max: 9 }),
    })
    .map(({ name, app, address }) => podManifest(name, `10.0.0.${address}`, app)),
  fc
    .record({ name: fc.constantFrom(...names), addresses: fc.subarray(['10.0.1.1', '10.0.1.2']) })
    .map(({ name, addresses }) => sliceManifest(`${name}-s`, name, addresses)),
  fc
    .constantFrom('network2', 'network3')
    .map((network) => namespaceManifest('istio-system', { 'topology.istio.io/network': network })),
  fc
    .constantFrom(...names)
    .map((host) =>
      policyManifest('VirtualService', 'route', { hosts: [host], http: [{ route: [{ destination: { host } }] }] }),
    ),
);
const anyState = fc.uniqueArray(anyManifest, { selector: (manifest) => keyOf(objectOf(manifest)), maxLength: 8 });

describe('after an outage', () => {
  it('the state equals that of a fresh start, whatever was remembered and however it is told', async () => {
    const check = async (before: readonly Manifest[], after: readonly Manifest[]): Promise<void> => {
      await rm(directory, { recursive: true, force: true });
      await lived(before);
      const life = await begin();
      life.source.tell({ kind: 'connected' });
      for (const manifest of after.toReversed()) life.source.tell({ kind: 'changed', object: objectOf(manifest) });
      life.source.tell({ kind: 'synced' });
      await rm(directory, { recursive: true, force: true });
      const fresh = await begin({ nowMs: 0 });
      fresh.source.tellAll(after);
      expect(plain(life.registry.snapshot)).toEqual(plain(fresh.registry.snapshot));
      expect(keysOf(life.events)).toEqual(keysOf(fresh.events));
      expect(life.registry.phase).toBe('running');
      await life.stop();
      await fresh.stop();
    };
    await fc.assert(fc.asyncProperty(anyState, anyState, check), { numRuns: 40 });
  });

  it('the next start serves what the life before it did', async () => {
    await fc.assert(
      fc.asyncProperty(anyState, async (manifests) => {
        await rm(directory, { recursive: true, force: true });
        const life = await begin();
        life.source.tellAll(manifests);
        await life.stop();
        const next = await begin();
        expect(plain(next.registry.snapshot)).toEqual(plain(life.registry.snapshot));
        await next.stop();
      }),
      { numRuns: 40 },
    );
  });
});

describe('the snapshot on disk', () => {
  it('is written a moment after changes, all of them at once', async () => {
    const { source, clock, file } = await begin();
    source.tellAll([one]);
    await clock.untilNextWakeMs();
    source.tell({ kind: 'changed', object: objectOf(two) });
    const text = await waitFor(
      () => {
        clock.advance(3_000);
        return readFile(file.path, 'utf8');
      },
      (found) => found !== '',
      { what: 'a file', intervalMs: 5 },
    );
    expect(text.trim().split('\n')).toHaveLength(4);
  });

  it('is left as it is until everything was read again', async () => {
    const file = await lived([one, two]);
    const before = await readFile(file.path, 'utf8');
    const life = await begin();
    life.source.tell({ kind: 'connected' }, { kind: 'changed', object: objectOf(pod) });
    await life.stop();
    expect(await readFile(file.path, 'utf8')).toBe(before);
  });

  it('says until when it was true, even when nothing changed', async () => {
    const at = Date.parse('2030-01-01T10:00:00Z');
    const life = await begin({ nowMs: at });
    life.source.tellAll([one]);
    await waitFor(
      async () => {
        life.clock.advance(60_000);
        return (await stat(life.file.path)).mtimeMs;
      },
      (mtimeMs) => mtimeMs > at + 600_000,
      { what: 'a later time of the file', intervalMs: 5 },
    );
    const reading = await life.file.read(Number.MAX_SAFE_INTEGER);
    expect(reading.kind === 'read' && reading.asOfMs).toBeGreaterThan(at + 600_000);
  });

  it('does not say that it was true while it was being packed', async () => {
    const at = Date.parse('2030-01-01T10:00:00Z');
    const life = await begin({ nowMs: at });
    life.source.tellAll(Array.from({ length: 40 }, (_, index) => serviceManifest(`service-${index}`)));
    while ((await life.clock.untilNextWakeMs()) !== 3_000) await nextTurn();
    life.clock.advance(3_000);
    // It has begun, and rests several times before it ends.
    for (let turn = 0; turn < 3; turn += 1) await nextTurn();
    life.clock.advance(20_000);
    const reading = await waitFor(
      () => life.file.read(Number.MAX_SAFE_INTEGER),
      ({ kind }) => kind === 'read',
      { what: 'the file' },
    );
    expect(reading).toMatchObject({ asOfMs: at + 3_000 });
    expect(reading.kind === 'read' && reading.objects).toHaveLength(40);
  });

  it('can be read by its owner alone, and the folder too', async () => {
    const nested = path.join(directory, 'clusters');
    const file = new SnapshotFile({ directory: nested, clusterId: clusterId('cluster-1'), scope: 'primary' });
    await file.write({ dictionaries: new Map(), lines: [] }, 0);
    expect((await stat(file.path)).mode & 0o777).toBe(0o600);
    expect((await stat(nested)).mode & 0o777).toBe(0o700);
  });

  it('holds no secret: no Secret, no foreign ConfigMap, no environment, no copy of what was applied', async () => {
    const hidden = 'hunter2';
    const file = await lived([
      one,
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'token', namespace: 'sample', annotations: { 'kubernetes.io/service-account.name': 'a' } },
        type: 'kubernetes.io/service-account-token',
        stringData: { token: hidden },
      },
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'other', namespace: 'sample' }, data: { key: hidden } },
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name: 'p',
          namespace: 'sample',
          annotations: { 'kubectl.kubernetes.io/last-applied-configuration': hidden },
        },
        spec: { containers: [{ name: 'app', env: [{ name: 'PASSWORD', value: hidden }] }] },
        status: { podIP: '10.0.0.1' },
      },
    ]);
    const [header] = (await readFile(file.path, 'utf8')).split('\n', 1);
    const text = `${header} ${JSON.stringify(await file.read(0))}`;
    expect(text).toContain('"one"');
    expect(text).toContain('10.0.0.1');
    expect(text).not.toContain(hidden);
    expect(text).not.toContain('Secret');
  });

  it('is brought up to date when the process stops, even while the source hangs and does not stop', async () => {
    const hanging: Source = {
      description: 'hangs',
      scope: 'primary',
      run: (deliver) => {
        deliver([{ kind: 'connected' }, { kind: 'changed', object: objectOf(one) }, { kind: 'synced' }]);
        return new Promise(() => undefined);
      },
    };
    const file = new SnapshotFile({ directory, clusterId: clusterId('cluster-1'), scope: 'primary' });
    const stop = new AbortController();
    const synced = Promise.withResolvers<void>();
    void new RememberedSource({ source: hanging, file, clock: new FakeClock() }).run(
      () => synced.resolve(),
      stop.signal,
    );
    await synced.promise;
    stop.abort();
    const reading = await waitFor(
      () => file.read(Date.now()),
      ({ kind }) => kind !== 'none',
      { what: 'the file', intervalMs: 5 },
    );
    expect(reading).toMatchObject({ kind: 'read', objects: [{ kind: 'Service' }] });
  });

  it('leaves no temporary file behind', async () => {
    await lived([one]);
    expect(await readdir(directory)).toEqual(['cluster-cluster-1.snapshot']);
  });
});

describe('a snapshot that is not what it should be', () => {
  const damages: readonly (readonly [string, (text: string) => string | Buffer])[] = [
    ['empty', () => ''],
    ['one line break', () => '\n'],
    ['cut off in the middle', (text) => text.slice(0, text.length / 2)],
    ['without its last line', (text) => text.slice(0, text.lastIndexOf('{'))],
    ['changed in one character', (text) => text.replace('primary', 'primarz')],
    ['something else', () => Buffer.from([0xff, 0xfe, 0x00, 0x0a, 0x01])],
    ['of another version', (text) => resigned(text, (header) => ({ ...header, version: 999 }))],
    ['of another cluster', (text) => resigned(text, (header) => ({ ...header, clusterId: 'cluster-9' }))],
    ['of another scope', (text) => resigned(text, (header) => ({ ...header, scope: 'discovery-only' }))],
    [
      'without what its objects were packed against',
      (text) => resigned(text, (header) => ({ ...header, dictionaries: {} })),
    ],
    [
      'packed against something else',
      (text) => resigned(text, (header) => ({ ...header, dictionaries: { Service: '' } })),
    ],
    ['short of an object', (text) => resigned(text, (header) => ({ ...header, objects: 7 }))],
  ];
  it.each(damages)(
    '(%s) is set aside with a warning, and the cluster is read as if there were none',
    async (_, damage) => {
      const file = await lived([one, two]);
      await writeFile(file.path, damage(await readFile(file.path, 'utf8')));
      const life = await begin();
      expect(life.registry.known).toBe(false);
      expect(life.registry.status().problems).toMatchObject([{ severity: 'warning', code: 'snapshot-damaged' }]);
      const names = await readdir(directory);
      expect(names.filter((name) => name.includes('.damaged-'))).toHaveLength(1);
      expect(names).not.toContain(path.basename(file.path));
      life.source.tellAll([one]);
      expect(life.registry.phase).toBe('running');
      await life.stop();
      expect((await begin()).registry.status()).toMatchObject({ phase: 'stale', services: 1, problems: [] });
    },
  );

  it('any byte that differs is noticed', async () => {
    const file = await lived([one]);
    const bytes = await readFile(file.path);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, difference) => {
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] ?? 0) ^ difference;
        await writeFile(file.path, damaged);
        expect((await file.read(Date.now())).kind).toBe('damaged');
      }),
      { numRuns: 60 },
    );
  });

  it('is kept a few times, not for ever', async () => {
    const file = new SnapshotFile({ directory, clusterId: clusterId('cluster-1'), scope: 'primary' });
    for (let day = 1; day <= 6; day += 1) {
      await writeFile(file.path, `nonsense of day ${day}`);
      await file.read(Date.UTC(2030, 0, day));
    }
    const kept = (await readdir(directory)).toSorted();
    expect(kept).toHaveLength(3);
    expect(await readFile(path.join(directory, kept[0] ?? ''), 'utf8')).toBe('nonsense of day 4');
  });

  it('from the future is as old as now', async () => {
    await lived([one], { nowMs: Date.parse('2040-01-01T00:00:00Z') });
    const { registry } = await begin({ nowMs: Date.parse('2030-01-01T00:00:00Z') });
    expect(registry.status().staleSince).toBe('2030-01-01T00:00:00.000Z');
  });
});

describe('a state directory that can not be used', () => {
  it('is a finding, stops nothing, and is written again when it can be', async () => {
    await rm(directory, { recursive: true });
    await writeFile(directory, 'not a directory');
    const life = await begin();
    expect(codes(life)).toEqual(['snapshot-unreadable']);
    life.source.tellAll([one]);
    expect(life.registry.phase).toBe('running');
    const observe = (): readonly string[] => {
      life.clock.advance(60_000);
      return codes(life);
    };
    await waitFor(observe, (found) => found.includes('snapshot-not-written'), { what: 'the finding', intervalMs: 5 });
    expect(life.registry.status().problems[0]?.message).toContain('a part of the path is not a directory');
    await rm(directory);
    await mkdir(directory);
    await waitFor(observe, (found) => found.length === 0, { what: 'no finding', intervalMs: 5 });
    expect(await readdir(directory)).toEqual(['cluster-cluster-1.snapshot']);
  });

  it('keeps its findings beside those of the cluster itself', async () => {
    const file = await lived([one]);
    await writeFile(file.path, 'nonsense');
    const life = await begin();
    life.source.tell({
      kind: 'problems',
      problems: [{ severity: 'error', code: 'yaml-syntax', message: 'a broken file' }],
    });
    expect(codes(life)).toEqual(['yaml-syntax', 'snapshot-damaged']);
  });

  it('is not filled by a cluster that is too large', async () => {
    const life = await begin({ maxBytes: 10 });
    life.source.tellAll([one]);
    await waitFor(
      () => {
        life.clock.advance(3_000);
        return codes(life);
      },
      (found) => found.includes('snapshot-too-large'),
      { what: 'the finding', intervalMs: 5 },
    );
    expect(await readdir(directory)).toEqual([]);
  });
});

/** The file with another header and a checksum that fits. */
function resigned(text: string, change: (header: Record<string, unknown>) => object): string {
  const [first = '', ...lines] = text.slice(0, text.lastIndexOf('{"sha256"')).split('\n');
  const body = [JSON.stringify(change(JSON.parse(first) as Record<string, unknown>)), ...lines].join('\n');
  return `${body}${JSON.stringify({ sha256: hash('sha256', body) })}\n`;
}
