// Machines where the primary is a directory: their entries are in the registry like any others, and files come first.

import { expect, onTestFinished, test } from 'vitest';
import { ClusterRegistry } from '../../../discovery/registry/cluster-registry.ts';
import { defaultMeshConfig, noMeshNetworks } from '../../../discovery/model/mesh-config.ts';
import { clusterId, hostname, networkId } from '../../../discovery/model/names.ts';
import { HeardMachines } from '../../../server/machines/heard-machines.ts';
import { MachineRegistrar } from '../../../server/machines/machine-registrar.ts';
import { memoryEntries } from '../../../server/machines/memory-entries.ts';
import { systemClock } from '../../../ca/clock.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { policyManifest, serviceManifest, type Manifest } from '../../support/kube-objects.ts';
import { ScriptedSource } from '../../support/scripted-source.ts';
import { waitFor } from '../../support/wait-for.ts';
import { entry, group, machine } from './machine-scene.ts';

interface Stored {
  readonly metadata: { readonly resourceVersion: string; readonly annotations: Readonly<Record<string, string>> };
}

async function directory(...files: readonly Manifest[]) {
  const source = new ScriptedSource();
  const heard = new HeardMachines();
  const { log, lines } = memoryLog();
  const registry = new ClusterRegistry({
    clusterId: clusterId('cluster-1'),
    mode: 'primary',
    source: heard.hearing(source),
    network: networkId('network-1'),
    config: defaultMeshConfig,
    meshNetworks: noMeshNetworks,
    now: Date.now,
  });
  const store = memoryEntries(heard);
  const registrar = new MachineRegistrar({
    store,
    heard,
    controller: 'a',
    clock: systemClock,
    random: Math.random,
    log,
  });
  const stop = new AbortController();
  const running = [registry.run(stop.signal), registrar.run(stop.signal)];
  onTestFinished(async () => {
    stop.abort();
    await Promise.all(running);
  });
  await source.running;
  source.tellAll([serviceManifest('ratings'), policyManifest('WorkloadGroup', 'ratings', group), ...files]);
  const addresses = (): readonly string[] => {
    const service = registry.snapshot.services.get(hostname('ratings.sample.svc.cluster.local'));
    return service === undefined ? [] : endpointsOf(registry);
  };
  return { source, store, registrar, lines, addresses };
}

function endpointsOf({ snapshot }: ClusterRegistry): readonly string[] {
  const found = snapshot.endpoints.get(hostname('ratings.sample.svc.cluster.local')) ?? [];
  return found.map((endpoint) => `${endpoint.address} ${endpoint.health}`);
}

test('a machine is an endpoint while it is connected, and as healthy as it says', async () => {
  const { registrar, store, addresses } = await directory();
  const held = registrar.hold(machine, entry.apiVersion);
  await waitFor(addresses, (found) => found.includes('192.0.2.7 unhealthy'), { what: 'the endpoint' });
  held?.report({ healthy: true, message: '' });
  await waitFor(addresses, (found) => found.includes('192.0.2.7 healthy'), { what: 'its health' });
  held?.release();
  const stored = async () => (await store.get(entry, AbortSignal.timeout(15_000))) as unknown as Stored;
  const left = await waitFor(stored, ({ metadata }) => metadata.annotations['istio.io/disconnectedAt'] !== undefined, {
    what: 'the entry to be marked as left',
  });
  await store.remove(entry, left.metadata.resourceVersion, AbortSignal.timeout(15_000));
  expect(addresses()).toEqual([]);
});

test('an entry that a file declares is left alone, and the log says so', async () => {
  const file = policyManifest('WorkloadEntry', entry.name, { address: '192.0.2.99', labels: { app: 'ratings' } });
  const { registrar, lines, addresses, store } = await directory(file);
  expect(addresses()).toEqual(['192.0.2.99 healthy']);
  registrar.hold(machine, entry.apiVersion)?.release();
  registrar.hold(machine, entry.apiVersion);
  await waitFor(
    () => lines.map(({ msg }) => msg),
    (said) => said.includes('a machine is not registered'),
    { what: 'the line' },
  );
  expect(addresses()).toEqual(['192.0.2.99 healthy']);
  expect(await store.remove(entry, '1', AbortSignal.timeout(15_000))).toBeUndefined();
});
