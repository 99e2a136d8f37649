// Machines outside Kubernetes that register by themselves, wired: what is heard of them, who keeps their entries, who removes those
// that are gone. Nothing happens before `start`.

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { systemClock } from '../ca/clock.ts';
import type { PrimaryClient } from './kube/primary-client.ts';
import type { PrimaryWriter } from './kube/primary-writers.ts';
import type { Started } from './lifecycle.ts';
import type { Log } from './log.ts';
import { admitMachine } from './machines/admit-machine.ts';
import type { HeardMachines } from './machines/heard-machines.ts';
import { kubeEntries } from './machines/kube-entries.ts';
import { MachineRegistrar, type HeldMachine } from './machines/machine-registrar.ts';
import { memoryEntries } from './machines/memory-entries.ts';
import { cleanRegistrations, defaultGraceMs } from './machines/registration-cleaner.ts';
import type { Proxy } from './proxy/proxy.ts';
import type { Refusal, StreamOpening } from './stream/snapshot-source.ts';

export interface Machines {
  /** Undefined for a proxy that does not register. */
  hold(opening: StreamOpening, proxy: Proxy): HeldMachine | Refusal | undefined;
  /** What the leading replica does. */
  readonly cleaner: PrimaryWriter;
  /** Machines with a stream here. */
  readonly size: number;
}

export interface OpenMachinesOptions {
  readonly heard: HeardMachines;
  /** Undefined where the primary is a directory: entries are in memory then, and this instance cleans them by itself. */
  readonly client: PrimaryClient | undefined;
  readonly log: Log;
  readonly started: Started;
}

export function openMachines({ heard, client, log, started }: OpenMachinesOptions): Machines {
  const controller = `${hostname()}_${String(process.pid)}_${randomBytes(4).toString('hex')}`;
  const store = client === undefined ? memoryEntries(heard) : kubeEntries(client);
  const shared = { store, heard, controller, clock: systemClock, log };
  const registrar = new MachineRegistrar({ ...shared, random: Math.random });
  const cleaner: PrimaryWriter = (signal) => cleanRegistrations({ ...shared, graceMs: defaultGraceMs }, signal);
  const stop = new AbortController();
  const running = [registrar.run(stop.signal), ...(client === undefined ? [cleaner(stop.signal)] : [])];
  started.add('registered machines', async () => {
    stop.abort();
    await Promise.all(running);
  });
  return {
    hold: (opening, proxy) => {
      const admitted = admitMachine(opening, proxy, (namespace, name) => heard.group(namespace, name));
      if (admitted?.kind !== 'admitted') {
        if (admitted !== undefined) log.warn({ proxy: proxy.nodeId, reason: admitted.message }, 'a machine is refused');
        return admitted;
      }
      return registrar.hold(admitted.machine, admitted.group.apiVersion);
    },
    cleaner,
    get size() {
      return registrar.size;
    },
  };
}
