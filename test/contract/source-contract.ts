// What every source of Kubernetes objects promises, whatever it reads from. In: a fixture that opens a source on an origin
// which the suite can write to. The suite sees only what the source delivers.

import { afterEach, describe, expect, it } from 'vitest';
import { keyOf, type KubernetesObject } from '../../discovery/model/kubernetes-object.ts';
import type { Source, SourceEvent, SourceScope } from '../../discovery/model/source-event.ts';
import {
  namespaceManifest,
  podManifest,
  policyManifest,
  serviceManifest,
  sliceManifest,
  type Manifest,
} from '../support/kube-objects.ts';
import { waitFor } from '../support/wait-for.ts';

export interface SourceFixture {
  open(scope: SourceScope): Source;
  /** Creates the object or replaces it. */
  put(manifest: Manifest): Promise<void>;
  remove(manifest: Manifest): Promise<void>;
  /** The origin can't be read any more, then can again. */
  cut(): Promise<void>;
  restore(): Promise<void>;
  close(): Promise<void>;
}

/** A source that runs, and everything it told. */
class Listener {
  readonly events: SourceEvent[] = [];
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(source: Source) {
    this.#done = source.run((batch) => this.events.push(...batch), this.#stop.signal);
  }

  get objects(): ReadonlyMap<string, KubernetesObject> {
    const objects = new Map<string, KubernetesObject>();
    for (const event of this.events) {
      if (event.kind === 'changed') objects.set(keyOf(event.object), event.object);
      if (event.kind === 'deleted') objects.delete(event.key);
    }
    return objects;
  }

  count(kind: SourceEvent['kind']): number {
    return this.events.filter((event) => event.kind === kind).length;
  }

  async hears(what: string, holds: () => boolean): Promise<void> {
    await waitFor(
      () => this.events,
      () => holds(),
      { what, intervalMs: 10 },
    );
  }

  async synced(): Promise<void> {
    await this.hears('synced', () => this.count('synced') > 0);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}

export function describeSource(name: string, openFixture: () => Promise<SourceFixture>): void {
  describe(`${name}, as a source`, () => {
    const closers: (() => Promise<void>)[] = [];
    const start = async (scope: SourceScope, manifests: readonly Manifest[]) => {
      const fixture = await openFixture();
      closers.push(() => fixture.close());
      for (const manifest of manifests) await fixture.put(manifest);
      const listener = new Listener(fixture.open(scope));
      closers.push(() => listener.stop());
      await listener.synced();
      return { fixture, listener };
    };
    afterEach(async () => {
      for (const close of closers.toReversed()) await close();
      closers.length = 0;
    });

    it('tells everything that exists before it says that it is synced', async () => {
      const { listener } = await start('primary', [
        serviceManifest('one'),
        serviceManifest('two'),
        podManifest('one-1', '10.0.0.1', 'one'),
      ]);
      const before = listener.events.slice(
        0,
        listener.events.findIndex((event) => event.kind === 'synced'),
      );
      const told = before.flatMap((event) => (event.kind === 'changed' ? [keyOf(event.object)] : []));
      expect(told.toSorted()).toEqual(
        expect.arrayContaining(['Pod/sample/one-1', 'Service/sample/one', 'Service/sample/two']),
      );
      expect(before.some((event) => event.kind === 'connected')).toBe(true);
    });

    it('hands on metadata and body', async () => {
      const { listener } = await start('primary', [
        serviceManifest(
          'one',
          { ports: [{ name: 'http', port: 81 }] },
          { labels: { team: 'red' }, annotations: { note: 'n' } },
        ),
      ]);
      const object = listener.objects.get('Service/sample/one');
      expect(object?.metadata).toMatchObject({
        name: 'one',
        namespace: 'sample',
        labels: { team: 'red' },
        annotations: { note: 'n' },
      });
      expect(object?.body).toMatchObject({ spec: { ports: [{ name: 'http', port: 81 }] } });
    });

    it('tells an added, a changed and a deleted object, and nothing of the others', async () => {
      const { fixture, listener } = await start('primary', [serviceManifest('one'), serviceManifest('quiet')]);
      await fixture.put(sliceManifest('one-a', 'one', ['10.0.0.1']));
      await listener.hears('the new slice', () => listener.objects.has('EndpointSlice/sample/one-a'));
      await fixture.put(sliceManifest('one-a', 'one', ['10.0.0.1', '10.0.0.2']));
      await listener.hears('the changed slice', () =>
        JSON.stringify(listener.objects.get('EndpointSlice/sample/one-a')?.body).includes('10.0.0.2'),
      );
      await fixture.remove(sliceManifest('one-a', 'one', []));
      await listener.hears('the deletion', () => !listener.objects.has('EndpointSlice/sample/one-a'));
      const quiet = listener.events.filter(
        (event) => event.kind === 'changed' && event.object.metadata.name === 'quiet',
      );
      expect(quiet).toHaveLength(1);
      expect(listener.count('synced')).toBe(1);
    });

    it('does not tell an object again that is written without a change', async () => {
      const { fixture, listener } = await start('primary', [serviceManifest('one')]);
      await fixture.put(serviceManifest('one'));
      await fixture.put(serviceManifest('two'));
      await listener.hears('a later object', () => listener.objects.has('Service/sample/two'));
      const told = listener.events.filter((event) => event.kind === 'changed' && event.object.metadata.name === 'one');
      expect(told).toHaveLength(1);
    });

    it('reads no configuration and no credentials of a cluster that is for discovery only', async () => {
      const { listener } = await start('discovery-only', [
        policyManifest('VirtualService', 'route', { hosts: ['one'], http: [] }),
        { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'token', namespace: 'sample' }, type: 'Opaque' },
        namespaceManifest('sample'),
        serviceManifest('one'),
      ]);
      const kinds = new Set([...listener.objects.values()].map((object) => object.kind));
      expect(kinds).toContain('Service');
      expect(kinds).not.toContain('VirtualService');
      expect(kinds).not.toContain('Secret');
      expect(listener.events.filter((event) => event.kind === 'problems')).toEqual([]);
    });

    it('says that it is cut off and withdraws nothing, then goes on', async () => {
      const { fixture, listener } = await start('primary', [serviceManifest('one')]);
      await fixture.cut();
      await listener.hears('the outage', () => listener.count('disconnected') > 0);
      expect(listener.objects.has('Service/sample/one')).toBe(true);
      await fixture.restore();
      await fixture.put(serviceManifest('two'));
      await listener.hears('what came after', () => listener.objects.has('Service/sample/two'));
      expect(listener.count('connected')).toBe(2);
      expect(listener.count('deleted')).toBe(0);
    });

    it('stops when it is told to and delivers nothing afterwards', async () => {
      const { fixture, listener } = await start('primary', [serviceManifest('one')]);
      await listener.stop();
      const count = listener.events.length;
      await fixture.put(serviceManifest('two'));
      const later = new Listener(fixture.open('primary'));
      closers.push(() => later.stop());
      await later.hears('what the stopped one no longer tells', () => later.objects.has('Service/sample/two'));
      expect(listener.events).toHaveLength(count);
    });
  });
}
