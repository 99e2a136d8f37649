// Machines outside Kubernetes that register by themselves, wired: what is heard of them, who keeps their entries, who removes those
// that are gone. Nothing happens before `openMachines`.

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Counter, Gauge, type Registry } from 'prom-client';
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
}

export interface OpenMachinesOptions {
  readonly heard: HeardMachines;
  /** Undefined where the primary is a directory: entries are in memory then, and this instance cleans them by itself. */
  readonly client: PrimaryClient | undefined;
  readonly registry: Registry;
  readonly log: Log;
  readonly started: Started;
}

export function openMachines({ heard, client, registry, log, started }: OpenMachinesOptions): Machines {
  const controller = `${hostname()}_${String(process.pid)}_${randomBytes(4).toString('hex')}`;
  const store = client === undefined ? memoryEntries(heard) : kubeEntries(client);
  const shared = { store, heard, controller, clock: systemClock, log };
  const registrar = new MachineRegistrar({ ...shared, random: Math.random });
  const refusals = countMachines(registry, registrar);
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
      if (admitted === undefined) return undefined;
      if (admitted.kind === 'refused') {
        refusals.inc();
        log.warn({ proxy: proxy.nodeId, reason: admitted.message }, 'a machine is refused');
        return admitted;
      }
      const held = registrar.hold(admitted.machine, admitted.group.apiVersion);
      if (held !== undefined) return held;
      const message = `A machine that is connected from elsewhere has the address ${admitted.machine.address}: announce another, or come again when that one is gone.`;
      refusals.inc();
      log.warn({ proxy: proxy.nodeId, from: admitted.machine.from, reason: message }, 'a machine is refused');
      return { kind: 'refused', code: 'PERMISSION_DENIED', message };
    },
    cleaner,
  };
}

/** Out: what counts refusals. */
function countMachines(registry: Registry, registrar: MachineRegistrar): Counter {
  const gauge: Gauge = new Gauge({
    name: 'isthmus_machines',
    help: 'Machines outside Kubernetes whose WorkloadEntry is kept by this replica, or is still to be marked as left',
    registers: [registry],
    collect: () => gauge.set(registrar.size),
  });
  return new Counter({
    name: 'isthmus_machine_refusals_total',
    help: 'Streams of machines that wanted to register and may not',
    registers: [registry],
  });
}
