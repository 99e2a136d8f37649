// The API server source on a real etcd and kube-apiserver: the promises of every source, and those about outages.

import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { keyOf, type KubernetesObject } from '../../discovery/model/kubernetes-object.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import type { SourceEvent, SourceScope } from '../../discovery/model/source-event.ts';
import { systemClock, type Clock } from '../../discovery/source/kube/clock.ts';
import { KubeSource, type KubeSourceOptions } from '../../discovery/source/kube/kube-source.ts';
import type { TestObject } from '../support/kube-api.ts';
import { namespaceManifest, policyManifest, serviceManifest, type Manifest } from '../support/kube-objects.ts';
import { describeKube } from '../support/describe-kube.ts';
import { startKubeCluster, type KubeCluster } from '../support/kube.ts';
import { SourceListener } from '../support/source-listener.ts';
import { waitFor } from '../support/wait-for.ts';
import { definition, fixtureOn, putOn, quick, virtualServices } from './api-server-fixture.ts';
import { describeSource } from './source-contract.ts';

let cluster: KubeCluster;

const source = (scope: SourceScope, options: Partial<KubeSourceOptions> = {}): KubeSource =>
  new KubeSource({ credentials: { kind: 'file', path: cluster.kubeconfig }, scope, timings: quick, ...options });

describeKube('Kubernetes', () => {
  beforeAll(async () => {
    cluster = await startKubeCluster();
    await cluster.api.apply(namespaceManifest('sample') as TestObject, virtualServices);
  }, 3_600_000);

  afterAll(async () => {
    await cluster.stop();
  });

  describeSource('an API server', async () => fixtureOn(cluster));

  describe('a real API server', () => {
    let stop = new AbortController();
    let running: Promise<void>[] = [];
    let events: SourceEvent[] = [];
    let written: TestObject[] = [];

    afterEach(async () => {
      stop.abort();
      await Promise.all(running);
      await cluster.api.delete(...written);
      stop = new AbortController();
      running = [];
      events = [];
      written = [];
    });

    const start = (scope: SourceScope = 'primary', options: Partial<KubeSourceOptions> = {}): KubeSource => {
      const started = source(scope, options);
      running.push(started.run((batch) => events.push(...batch), stop.signal));
      return started;
    };
    const write = async (...manifests: readonly Manifest[]): Promise<void> => {
      written.push(...(manifests as TestObject[]));
      for (const manifest of manifests) await putOn(cluster, manifest);
    };
    const objects = (): ReadonlyMap<string, KubernetesObject> => {
      const found = new Map<string, KubernetesObject>();
      for (const event of events) {
        if (event.kind === 'changed') found.set(keyOf(event.object), event.object);
        if (event.kind === 'deleted') found.delete(event.key);
      }
      return found;
    };
    const problems = (): readonly Problem[] => events.findLast((event) => event.kind === 'problems')?.problems ?? [];
    const count = (kind: SourceEvent['kind']): number => events.filter((event) => event.kind === kind).length;
    const until = async (what: string, holds: () => boolean, timeoutMs = 20_000): Promise<void> => {
      await waitFor(
        () => ({ keys: [...objects().keys()], last: events.slice(-3) }),
        () => holds(),
        { what, intervalMs: 10, timeoutMs },
      );
    };
    const synced = (): Promise<void> => until('synced', () => count('synced') > 0);

    it('streams the first list and keeps the watch on the same connection', async () => {
      await write(serviceManifest('one'));
      const started = start();
      await synced();
      const services = started.status().feeds.find(({ kind }) => kind === 'Service');
      expect(services).toMatchObject({
        phase: 'watching',
        version: 'v1',
        counts: { lists: 1, watches: 1, failures: 0 },
      });
      await write(serviceManifest('two'));
      await until('the second service', () => objects().has('Service/sample/two'));
      const later = started.status().feeds.find(({ kind }) => kind === 'Service');
      expect(later?.counts.watches).toBe(1);
      expect(started.status()).toMatchObject({ connected: true, synced: true });
    });

    it('hears of an outage when the server stands still with open connections, and goes on after it', async () => {
      await write(serviceManifest('one'));
      start();
      await synced();
      cluster.pauseApiServer();
      await until('the outage', () => count('disconnected') > 0);
      expect(count('deleted')).toBe(0);
      cluster.resumeApiServer();
      await write(serviceManifest('two'));
      await until('what came after', () => objects().has('Service/sample/two'));
      expect(count('deleted')).toBe(0);
      expect(count('synced')).toBe(1);
    });

    it('misses nothing that changed while it was cut off', async () => {
      await write(serviceManifest('stays'), serviceManifest('goes'));
      // Whether the server lets a watch go on from before its restart is its own affair: a list is as good.
      // Pauses of a day, the length of a back-off here, last until the server is back and the changes are made.
      const dayMs = 86_400_000;
      const { promise: changesMade, resolve: letGo } = Promise.withResolvers<void>();
      const clock: Clock = {
        now: () => systemClock.now(),
        sleep: (ms, signal) =>
          ms < dayMs / 4
            ? systemClock.sleep(ms, signal)
            : Promise.race([changesMade, systemClock.sleep(2 ** 30, signal)]),
      };
      const patient = { ...quick, backOffFirstMs: dayMs, backOffLongestMs: dayMs, relistAfterOutageMs: 600_000 };
      start('primary', { timings: patient, clock });
      await synced();
      await cluster.killApiServer();
      await until('the outage', () => count('disconnected') > 0);
      await cluster.startApiServer();
      await cluster.api.delete(serviceManifest('goes') as TestObject);
      await write(serviceManifest('comes'));
      expect(count('connected')).toBe(1);
      letGo();
      await until(
        'both changes',
        () => objects().has('Service/sample/comes') && !objects().has('Service/sample/goes'),
        30_000,
      );
      expect(objects().has('Service/sample/stays')).toBe(true);
      expect(events.filter((event) => event.kind === 'deleted')).toHaveLength(1);
    });

    it('picks up a definition that is installed later, in the best version that is served', async () => {
      const rules = definition('DestinationRule', 'destinationrules', ['v1alpha3', 'v1beta1']);
      const started = start('primary');
      await synced();
      const phase = (): string | undefined =>
        started.status().feeds.find(({ kind }) => kind === 'DestinationRule')?.phase;
      expect(phase()).toBe('absent');
      await write(rules);
      const rule = policyManifest('DestinationRule', 'rule', { host: 'one' });
      await write({ ...rule, apiVersion: 'networking.istio.io/v1alpha3' });
      await until('the rule', () => objects().has('DestinationRule/sample/rule'));
      expect(objects().get('DestinationRule/sample/rule')?.apiVersion).toBe('networking.istio.io/v1beta1');
      await cluster.api.delete(rules);
      await until('the rule to go with its definition', () => !objects().has('DestinationRule/sample/rule'));
      await until('the kind to be absent', () => phase() === 'absent');
    });

    it('is content with the least rights and names the rule that an optional kind lacks', async () => {
      await cluster.api.apply(
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'reader', namespace: 'sample' } },
        {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRole',
          metadata: { name: 'reader' },
          rules: [
            { apiGroups: [''], resources: ['namespaces', 'services'], verbs: ['get', 'list', 'watch'] },
            { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
          ],
        },
        {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRoleBinding',
          metadata: { name: 'reader' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'reader' },
          subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace: 'sample' }],
        },
      );
      const token = await cluster.api.tokenFor('sample', 'reader');
      const kubeconfig = await cluster.kubeconfigFor({ token });
      start('discovery-only', { credentials: { kind: 'text', kubeconfig } });
      await synced();
      await until('the warnings', () => problems().length >= 2);
      expect(problems().map(({ severity }) => severity)).not.toContain('error');
      const text = JSON.stringify(problems());
      expect(text).toContain('resources: [\\"pods\\"]');
      expect(text).not.toContain(token);
      await cluster.api.apply({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: { name: 'reader' },
        rules: [
          {
            apiGroups: ['', 'discovery.k8s.io', 'networking.istio.io'],
            resources: ['*'],
            verbs: ['get', 'list', 'watch'],
          },
        ],
      });
      await until('no warnings once the rights are granted', () => count('problems') > 1 && problems().length === 0);
    });

    it('reads only the namespaces and labels it is narrowed to, and the gateways of networks', async () => {
      await cluster.api.apply(
        namespaceManifest('istio-system') as TestObject,
        namespaceManifest('other') as TestObject,
      );
      const gateway = serviceManifest(
        'east-west',
        {},
        { namespace: 'istio-system', labels: { 'topology.istio.io/network': 'n' } },
      );
      await write(
        serviceManifest('in', {}, { labels: { team: 'red' } }),
        serviceManifest('unlabelled'),
        serviceManifest('elsewhere', {}, { namespace: 'other', labels: { team: 'red' } }),
        gateway,
      );
      start('discovery-only', { narrowing: { namespaces: ['sample'], labelSelector: 'team=red' } });
      await synced();
      const services = [...objects().keys()].filter((key) => key.startsWith('Service/')).toSorted();
      expect(services).toEqual(['Service/istio-system/east-west', 'Service/sample/in']);
      const namespaces = [...objects().keys()].filter((key) => key.startsWith('Namespace/')).toSorted();
      expect(namespaces).toEqual(['Namespace//istio-system', 'Namespace//sample']);
    });

    it('equals a fresh start after the server came back empty-handed', async () => {
      await write(serviceManifest('lost'));
      const old = new SourceListener(source('discovery-only'));
      await old.synced();
      expect(old.objects.has('Service/sample/lost')).toBe(true);
      await cluster.restartEmpty();
      await cluster.api.apply(namespaceManifest('sample') as TestObject, virtualServices);
      await write(serviceManifest('new'));
      const fresh = new SourceListener(source('discovery-only'));
      await fresh.synced();
      // The server itself writes a little while it starts, so that the two agree only in the end.
      const content = (of: SourceListener): unknown => new Map([...of.objects].map(([key, { body }]) => [key, body]));
      await waitFor(
        () => [content(old), content(fresh)],
        ([one, other]) => isDeepStrictEqual(one, other),
        { what: 'the same content in both', timeoutMs: 40_000 },
      );
      expect([...fresh.objects.keys()].filter((key) => key.startsWith('Service/sample/'))).toEqual([
        'Service/sample/new',
      ]);
      await Promise.all([old.stop(), fresh.stop()]);
    });
  });
});
