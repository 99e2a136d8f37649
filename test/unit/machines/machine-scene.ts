// Replicas that share entries, on a clock that tests move: each hears at once what any of them writes.

import { annotation } from '../../../discovery/convert/well-known.ts';
import type { SourceEvent } from '../../../discovery/model/source-event.ts';
import { KubeError } from '../../../discovery/source/kube/kube-error.ts';
import type { EntryStore } from '../../../server/machines/entry-store.ts';
import { HeardMachines } from '../../../server/machines/heard-machines.ts';
import type { Fields, Machine } from '../../../server/machines/machine-entry.ts';
import { MachineRegistrar, type HeldMachine } from '../../../server/machines/machine-registrar.ts';
import { memoryEntries } from '../../../server/machines/memory-entries.ts';
import { RegistrationCleaner } from '../../../server/machines/registration-cleaner.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { objectOf, policyManifest, type Manifest } from '../../support/kube-objects.ts';
import { memoryLog } from '../../support/memory-log.ts';

export const graceMs = 10_000;

export const group: Manifest = {
  metadata: { labels: { app: 'ratings' } },
  template: { serviceAccount: 'ratings', ports: { http: 9080 } },
};

export const machine: Machine = {
  namespace: 'sample',
  group: 'ratings',
  address: '192.0.2.7',
  network: 'network-1',
  locality: { region: 'r1', zone: 'z1', subzone: '' },
  isProbed: true,
  from: '192.0.2.7',
};

export const entry = { apiVersion: 'networking.istio.io/v1', namespace: 'sample', name: 'ratings-192.0.2.7-network-1' };

export interface Replica {
  readonly heard: HeardMachines;
  readonly registrar: MachineRegistrar;
  readonly cleaner: RegistrationCleaner;
  /** A stream of a machine that is not refused. */
  hold(machine: Machine): HeldMachine;
  /** Nothing is written any more, and nothing said. */
  crash(): Promise<void>;
}

export class MachineScene {
  readonly clock = new FakeClock();
  readonly #replicas: Replica[] = [];
  /** Of every request to the store. */
  readonly removed: string[] = [];
  readonly #store: EntryStore;
  /** Nobody hears of what is written, as when it is a part that nobody reads. */
  isUnheard = false;
  /** What writes fail with. */
  failure: KubeError | undefined;

  constructor() {
    const store = memoryEntries({ tell: (event) => this.tell(event), declares: () => false });
    this.#store = {
      ...store,
      create: (...all) => (this.failure === undefined ? store.create(...all) : Promise.resolve(this.failure)),
      replace: (...all) => (this.failure === undefined ? store.replace(...all) : Promise.resolve(this.failure)),
      remove: async (ref, version, signal) => {
        const error = await store.remove(ref, version, signal);
        if (error === undefined) this.removed.push(ref.name);
        return error;
      },
    };
  }

  replica(name: string): Replica {
    const heard = new HeardMachines();
    const shared = { store: this.#store, heard, controller: name, clock: this.clock, log: memoryLog().log };
    const registrar = new MachineRegistrar({ ...shared, random: () => 0.5 });
    const cleaner = new RegistrationCleaner({ ...shared, graceMs });
    const stop = new AbortController();
    const running = registrar.run(stop.signal);
    const replica: Replica = {
      heard,
      registrar,
      cleaner,
      hold: (one) => {
        const held = registrar.hold(one, entry.apiVersion);
        if (held === undefined) throw new Error('another machine has the address');
        return held;
      },
      crash: async () => {
        stop.abort();
        await running;
      },
    };
    this.#replicas.push(replica);
    heard.tell({ kind: 'changed', object: objectOf(policyManifest('WorkloadGroup', 'ratings', group)) });
    return replica;
  }

  tell(event: SourceEvent): void {
    if (this.isUnheard) return;
    for (const { heard } of this.#replicas) heard.tell(event);
  }

  /** Writes that are under way are finished. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  async look(replica: Replica): Promise<void> {
    await replica.cleaner.look(new AbortController().signal);
    await this.settle();
  }

  /** Passes time, a look of the leader each second. */
  async pass(ms: number, leader: Replica): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1000) {
      this.clock.advance(1000);
      await this.settle();
      await this.look(leader);
    }
  }

  /** Somebody writes a part of the status that no replica reads. */
  async writeUnread(): Promise<void> {
    const stored = await this.stored();
    if (stored === undefined) throw new Error('there is no entry');
    const { metadata } = stored as { readonly metadata: { readonly name: string; readonly resourceVersion: string } };
    const object = { ...stored, apiVersion: entry.apiVersion, kind: 'WorkloadEntry', metadata };
    this.isUnheard = true;
    await this.#store.replaceStatus(entry, object, new AbortController().signal);
    this.isUnheard = false;
  }

  /** As somebody with kubectl does. */
  async remove(): Promise<void> {
    const { metadata } = (await this.stored()) as { readonly metadata: { readonly resourceVersion: string } };
    await this.#store.remove(entry, metadata.resourceVersion, new AbortController().signal);
  }

  async stored(): Promise<Fields | undefined> {
    const found = await this.#store.get(entry, new AbortController().signal);
    return found instanceof KubeError ? undefined : found;
  }

  async controller(): Promise<string | undefined> {
    const { metadata } = ((await this.stored()) ?? {}) as {
      readonly metadata?: { annotations: Record<string, string> };
    };
    return metadata?.annotations[annotation.workloadController];
  }
}
