// What becomes of the endpoints of a remote that is not heard for too long, and of gateways that died.

import { describe, expect, it } from 'vitest';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import type { StaleTimer } from '../../../discovery/mesh/stale-clusters.ts';
import type { ChangeSet } from '../../../discovery/model/change-set.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { clusterId, networkId } from '../../../discovery/model/names.ts';
import { socketOf } from '../../../discovery/model/network-gateway.ts';
import type { StalePolicy, StaleRule } from '../../../discovery/model/stale-rule.ts';
import { namespaceManifest, serviceManifest, sliceManifest, type Manifest } from '../../support/kube-objects.ts';
import { hostOf, openCluster, changed } from './cluster-scene.ts';

/** A timer that a test moves. */
class HandTimer implements StaleTimer {
  #nowMs = Date.parse('2030-01-01T00:00:00Z');
  #due: { readonly atMs: number; readonly run: () => void } | undefined;
  /** How often a timer was set. */
  set = 0;

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): () => void {
    this.set += 1;
    const due = { atMs: this.#nowMs + ms, run };
    this.#due = due;
    return () => {
      if (this.#due === due) this.#due = undefined;
    };
  }

  get isSet(): boolean {
    return this.#due !== undefined;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    const due = this.#due;
    if (due === undefined || due.atMs > this.#nowMs) return;
    this.#due = undefined;
    due.run();
  }
}

const minuteMs = 60_000;
const service = serviceManifest('one');
const eastWest: Manifest = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name: 'eastwest',
    namespace: 'istio-system',
    labels: { 'topology.istio.io/network': 'network2' },
    annotations: {},
  },
  spec: { type: 'LoadBalancer', ports: [{ name: 'tls', port: 15443 }] },
  status: { loadBalancer: { ingress: [{ ip: '172.30.0.2' }] } },
};

function scene(policy: StalePolicy, override?: StaleRule) {
  const timer = new HandTimer();
  const changes: ChangeSet[] = [];
  const store = new MeshStore({
    primary: clusterId('cluster-1'),
    config: defaultMeshConfig,
    schedule: (run) => run(),
    staleRule: { policy, afterMs: 5 * minuteMs },
    timer,
  });
  const shared = { now: () => timer.now() };
  const primary = openCluster({ ...shared, network: 'network1' });
  const remote = openCluster({
    ...shared,
    id: 'cluster-2',
    mode: 'discovery-only',
    ...(override === undefined ? {} : { staleRule: override }),
  });
  for (const cluster of [primary, remote]) {
    const number = cluster === primary ? 1 : 2;
    cluster.fold([
      { kind: 'connected' },
      ...[
        namespaceManifest('istio-system', { 'topology.istio.io/network': `network${number}` }),
        service,
        sliceManifest('one-a', 'one', [`10.0.${number}.1`]),
        ...(number === 2 ? [eastWest] : []),
      ].map((manifest) => changed(manifest)),
      { kind: 'synced' },
    ]);
    store.add(cluster);
  }
  store.onChange((_snapshot, change) => changes.push(change));
  const addresses = () => (store.snapshot.endpoints.get(hostOf('one')) ?? []).map(({ address }) => address);
  const conditions = (id = 'cluster-2') =>
    store
      .clusterStatuses()
      .find((status) => status.clusterId === id)
      ?.conditions.map(({ name }) => name);
  const cut = () => remote.fold([{ kind: 'disconnected', reason: 'gone' }]);
  return { timer, store, primary, remote, changes, addresses, conditions, cut };
}

describe('a remote that can not be reached', () => {
  it('keeps its endpoints for ever under keep, and nothing waits for anything', () => {
    const { timer, store, addresses, conditions, cut, changes } = scene('keep');
    cut();
    timer.advance(1000 * minuteMs);
    expect(addresses()).toEqual(['10.0.1.1', '10.0.2.1']);
    expect([...store.snapshot.degradedClusters, ...store.snapshot.droppedClusters]).toEqual([]);
    expect(conditions()).toEqual([]);
    expect(changes).toEqual([]);
    expect(timer.isSet).toBe(false);
  });

  it('is degraded after the time, not before, and its hosts are told as changed', () => {
    const { timer, store, addresses, conditions, cut, changes } = scene('degrade');
    cut();
    timer.advance(5 * minuteMs - 1);
    expect(changes).toEqual([]);
    timer.advance(1);
    expect([...store.snapshot.degradedClusters]).toEqual(['cluster-2']);
    expect(changes).toMatchObject([{ endpoints: new Set([hostOf('one')]) }]);
    expect(addresses()).toEqual(['10.0.1.1', '10.0.2.1']);
    expect(conditions()).toEqual(['degraded']);
  });

  it('is as before once it is heard again', () => {
    const { timer, store, remote, conditions, cut, changes } = scene('degrade');
    cut();
    timer.advance(5 * minuteMs);
    remote.fold([{ kind: 'connected' }]);
    expect([...store.snapshot.degradedClusters]).toEqual([]);
    expect(changes.map(({ endpoints }) => [...endpoints])).toEqual([[hostOf('one')], [hostOf('one')]]);
    expect(conditions()).toEqual([]);
    expect(timer.isSet).toBe(false);
  });

  it('that comes and goes waits the whole time again', () => {
    const { timer, store, remote, cut } = scene('degrade');
    cut();
    timer.advance(4 * minuteMs);
    remote.fold([{ kind: 'connected' }]);
    cut();
    timer.advance(4 * minuteMs);
    expect(store.snapshot.degradedClusters.size).toBe(0);
    timer.advance(minuteMs);
    expect(store.snapshot.degradedClusters.size).toBe(1);
  });

  it('loses its endpoints under drop, and keeps its services and gateways', () => {
    const { timer, store, remote, addresses, conditions, cut } = scene('drop');
    cut();
    timer.advance(5 * minuteMs);
    expect(addresses()).toEqual(['10.0.1.1']);
    expect(store.snapshot.services.get(hostOf('one'))?.clusters).toEqual(['cluster-1', 'cluster-2']);
    expect(store.snapshot.services.has(hostOf('eastwest', 'istio-system'))).toBe(true);
    expect([...store.snapshot.gateways.keys()]).toEqual(['network2']);
    expect(conditions()).toEqual(['dropped']);
    remote.fold([{ kind: 'connected' }]);
    expect(addresses()).toEqual(['10.0.1.1', '10.0.2.1']);
    expect(conditions()).toEqual([]);
  });

  it('follows its own rule where it has one', () => {
    const { timer, store, cut } = scene('keep', { policy: 'drop', afterMs: minuteMs });
    cut();
    timer.advance(minuteMs);
    expect([...store.snapshot.droppedClusters]).toEqual(['cluster-2']);
  });

  it('that is only remembered counts from when it was last heard, before this process started', () => {
    const timer = new HandTimer();
    const store = new MeshStore({
      primary: clusterId('cluster-1'),
      config: defaultMeshConfig,
      schedule: (run) => run(),
      staleRule: { policy: 'drop', afterMs: 5 * minuteMs },
      timer,
    });
    const remote = openCluster({ id: 'cluster-2', mode: 'discovery-only', now: () => timer.now() });
    remote.fold([{ kind: 'remembered', asOfMs: timer.now() - 4 * minuteMs }, changed(service)]);
    store.add(remote);
    expect(store.snapshot.droppedClusters.size).toBe(0);
    timer.advance(minuteMs);
    expect([...store.snapshot.droppedClusters]).toEqual(['cluster-2']);
  });
});

it('the primary is never degraded or dropped: nothing could stand in for it', () => {
  const { timer, store, primary } = scene('drop');
  primary.fold([{ kind: 'disconnected', reason: 'gone' }]);
  timer.advance(100 * minuteMs);
  expect(store.snapshot.droppedClusters.size).toBe(0);
  expect(timer.set).toBe(0);
});

describe('a gateway that died', () => {
  const dead = new Set([socketOf({ address: '172.30.0.2', port: 15443 })]);

  it('leaves the gateways of its network and is named, until it is back', () => {
    const { store, conditions, changes } = scene('keep');
    store.setDeadGateways(dead);
    expect(store.snapshot.gateways.get(networkId('network2'))).toBeUndefined();
    expect(store.snapshot.deadGateways.get(networkId('network2'))).toMatchObject([{ address: '172.30.0.2' }]);
    expect(changes).toMatchObject([{ gateways: true }]);
    expect(conditions()).toEqual(['gateway-unreachable']);
    store.setDeadGateways(new Set());
    expect(store.snapshot.gateways.get(networkId('network2'))).toHaveLength(1);
    expect(store.snapshot.deadGateways.size).toBe(0);
    expect(conditions()).toEqual([]);
  });

  it('is told once', () => {
    const { store, changes } = scene('keep');
    store.setDeadGateways(dead);
    store.setDeadGateways(new Set(dead));
    expect(changes).toHaveLength(1);
  });
});
