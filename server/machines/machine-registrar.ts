// Keeps the entries of the machines whose streams end at this replica. In: streams that begin, report and end. Out: entries that are
// created, claimed, given a health and marked as left. A stream lives on whether or not its entry can be written at present.

import type { Clock } from '../../ca/clock.ts';
import { backOffMs } from '../../discovery/source/kube/back-off.ts';
import { KubeError } from '../../discovery/source/kube/kube-error.ts';
import type { Log } from '../log.ts';
import type { EntryRef, EntryStore } from './entry-store.ts';
import type { HeardChange, HeardMachines } from './heard-machines.ts';
import {
  claimed,
  connectedFrom,
  controllerOf,
  disconnected,
  entryName,
  entryOf,
  groupOfEntry,
  isToBeClaimed,
  mayHold,
  withHealth,
  type Fields,
  type HealthReport,
  type Holder,
  type Machine,
} from './machine-entry.ts';

export interface RegistrarOptions {
  readonly store: EntryStore;
  readonly heard: HeardMachines;
  /** Unique among replicas and their lives. */
  readonly controller: string;
  readonly clock: Clock;
  /** Numbers from 0 up to 1. */
  readonly random: () => number;
  readonly log: Log;
}

/** One stream of a machine. */
export interface HeldMachine {
  report(report: Pick<HealthReport, 'healthy' | 'message'>): void;
  /** The stream ended; again does nothing. */
  release(): void;
}

interface Live {
  readonly ref: EntryRef;
  machine: Machine;
  streams: number;
  /** Grows when the address passes on to a machine that is connected from elsewhere: the streams before it have no say any more. */
  epoch: number;
  connectedAtMs: number;
  /** Since when there is no stream; undefined while there is one. */
  goneAtMs: number | undefined;
  report: HealthReport | undefined;
  due: boolean;
  failures: number;
  retryAtMs: number;
  complaint: string;
}

const maxWrites = 8;
const longestPauseMs = 60_000;
const backOff = { firstMs: 200, longestMs: 15_000 };
/** Of a machine that left: the leader finds its entry anyway. */
const maxFailuresOfLeft = 6;
/** For what is left to write when the instance stops. */
const lastWritesMs = 2000;

export class MachineRegistrar {
  readonly #options: RegistrarOptions;
  readonly #live = new Map<string, Live>();
  #wake = new AbortController();

  constructor(options: RegistrarOptions) {
    this.#options = options;
  }

  /** Machines whose entry is kept here, or is still to be marked as left. */
  get size(): number {
    return this.#live.size;
  }

  /** A stream of a machine that may register. `apiVersion`: of its group. Undefined: another machine has that address. */
  hold(machine: Machine, apiVersion: string): HeldMachine | undefined {
    const ref = { apiVersion, namespace: machine.namespace, name: entryName(machine) };
    const key = keyOf(ref);
    const holder = this.#live.get(key);
    if (holder !== undefined && holder.streams > 0 && !mayHold(machine, holder.machine.from)) return undefined;
    const nowMs = this.#options.clock.now();
    const live: Live = holder ?? {
      ref,
      machine,
      streams: 0,
      epoch: 0,
      connectedAtMs: nowMs,
      goneAtMs: undefined,
      report: undefined,
      due: true,
      failures: 0,
      retryAtMs: 0,
      complaint: '',
    };
    this.#live.set(key, live);
    if (live.machine.from !== machine.from) {
      live.epoch += 1;
      live.streams = 0;
      live.report = undefined;
    }
    const { epoch } = live;
    live.machine = machine;
    live.streams += 1;
    live.connectedAtMs = nowMs;
    live.goneAtMs = undefined;
    this.#makeDue(live);
    let isHeld = true;
    return {
      report: ({ healthy, message }) => {
        if (!isHeld || live.epoch !== epoch) return;
        live.report = { healthy, message, atMs: this.#options.clock.now() };
        this.#makeDue(live);
      },
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        if (live.epoch !== epoch) return;
        live.streams -= 1;
        if (live.streams > 0) return;
        live.goneAtMs = this.#options.clock.now();
        this.#makeDue(live);
      },
    };
  }

  /** Until the signal aborts; what is due then is tried once more. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, heard } = this.#options;
    const forget = heard.onChange((change) => this.#heard(change));
    const onAbort = (): void => this.#wake.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    while (!signal.aborted) {
      this.#wake = new AbortController();
      await this.#writeAll(this.#dueNow(), signal);
      if (signal.aborted) break;
      if (this.#dueNow().length === 0) await clock.sleep(this.#pauseMs(), this.#wake.signal);
    }
    signal.removeEventListener('abort', onAbort);
    forget();
    await this.#writeAll(
      [...this.#live.values()].filter(({ due }) => due),
      AbortSignal.timeout(lastWritesMs),
    );
  }

  #heard({ kind, namespace, name }: HeardChange): void {
    if (kind === 'group') {
      for (const live of this.#live.values()) {
        if (live.ref.namespace === namespace && live.machine.group === name) this.#makeDue(live);
      }
      return;
    }
    const live = this.#live.get(keyOf({ namespace, name }));
    const entry = this.#options.heard.entry(namespace, name);
    if (live !== undefined && (entry === undefined || isToBeClaimed(entry.fields, live))) this.#makeDue(live);
  }

  #makeDue(live: Live): void {
    live.due = true;
    live.retryAtMs = 0;
    this.#wake.abort();
  }

  #dueNow(): readonly Live[] {
    const nowMs = this.#options.clock.now();
    return [...this.#live.values()].filter(({ due, retryAtMs }) => due && retryAtMs <= nowMs);
  }

  #pauseMs(): number {
    const nowMs = this.#options.clock.now();
    const times = [...this.#live.values()].filter(({ due }) => due).map(({ retryAtMs }) => retryAtMs - nowMs);
    return Math.max(0, Math.min(longestPauseMs, ...times));
  }

  async #writeAll(due: readonly Live[], signal: AbortSignal): Promise<void> {
    const queue = [...due];
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined && !signal.aborted; next = queue.shift()) {
        await this.#write(next, signal);
      }
    };
    await Promise.all(Array.from({ length: Math.min(maxWrites, queue.length) }, worker));
  }

  async #write(live: Live, signal: AbortSignal): Promise<void> {
    live.due = false;
    const error = await (live.goneAtMs === undefined ? this.#keep(live, signal) : this.#leave(live, signal));
    if (error === undefined) {
      live.failures = 0;
      live.complaint = '';
      if (live.goneAtMs !== undefined && !live.due) this.#live.delete(keyOf(live.ref));
      return;
    }
    if (signal.aborted) return;
    live.failures += 1;
    if (live.goneAtMs !== undefined && live.failures >= maxFailuresOfLeft) this.#live.delete(keyOf(live.ref));
    const { clock, random } = this.#options;
    live.due = true;
    // Somebody else wrote in between: what there is now is looked at at once, and later when that goes on.
    const waitMs = error.code === 'conflict' && live.failures === 1 ? 0 : backOffMs(backOff, live.failures, random);
    live.retryAtMs = clock.now() + Math.max(waitMs, error.retryAfterMs ?? 0);
    if (error.code !== 'conflict') this.#complain(live, `its WorkloadEntry can't be written: ${error.message}`);
  }

  async #keep(live: Live, signal: AbortSignal): Promise<KubeError | undefined> {
    const { store, heard, controller, log } = this.#options;
    const { machine, ref } = live;
    const holder: Holder = { controller, connectedAtMs: live.connectedAtMs };
    let entry = await store.get(ref, signal);
    if (entry instanceof KubeError && entry.code !== 'absent') return entry;
    const group = heard.group(ref.namespace, machine.group);
    if (entry instanceof KubeError) {
      // It is created when the group is there again.
      if (group === undefined) return this.#complain(live, `there is no WorkloadGroup ${machine.group} any more`);
      entry = await store.create(ref, entryOf(machine, group, holder), signal);
      if (entry instanceof KubeError) return entry;
      log.info({ ...ref, group: machine.group }, 'a machine registered: its WorkloadEntry is made');
    } else if (groupOfEntry(entry) !== machine.group) {
      return this.#complain(
        live,
        'a WorkloadEntry of that name was not made by registration in this group: it is left alone',
      );
    } else if (controllerOf(entry) !== controller && !mayHold(machine, connectedFrom(entry))) {
      return this.#complain(
        live,
        `a machine that is connected from ${connectedFrom(entry) ?? ''} has that address: this one is taken once that one is gone`,
      );
    } else if (isToBeClaimed(entry, holder) && group !== undefined) {
      const before = controllerOf(entry);
      entry = await store.replace(ref, claimed(entry, entryOf(machine, group, holder)), signal);
      if (entry instanceof KubeError) return entry;
      log.info({ ...ref, ...(before === controller ? {} : { before }) }, 'the machine is connected here now');
    }
    const written = await this.#writeHealth(live, entry, signal);
    return written instanceof KubeError ? written : undefined;
  }

  /** What the agent said last, when it is not written yet. Out: the entry as it is then. */
  async #writeHealth(live: Live, entry: Fields, signal: AbortSignal): Promise<Fields | KubeError> {
    const { store, controller, log } = this.#options;
    const { report, ref } = live;
    if (report === undefined || controllerOf(entry) !== controller) return entry;
    const changed = withHealth(entry, report);
    const written = changed === undefined ? entry : await store.replaceStatus(ref, changed, signal);
    if (written instanceof KubeError) return written;
    if (live.report === report) live.report = undefined;
    const { healthy, message } = report;
    if (changed !== undefined) log.info({ ...ref, healthy, ...(healthy ? {} : { message }) }, 'health of a machine');
    return written;
  }

  async #leave(live: Live, signal: AbortSignal): Promise<KubeError | undefined> {
    const { store, controller, log } = this.#options;
    const { ref, connectedAtMs, goneAtMs } = live;
    const stored = await store.get(ref, signal);
    // The last that an agent says is often that it stops.
    const entry = stored instanceof KubeError ? stored : await this.#writeHealth(live, stored, signal);
    if (entry instanceof KubeError) return entry.code === 'absent' ? undefined : entry;
    const holder: Holder = { controller, connectedAtMs };
    const changed = goneAtMs === undefined ? undefined : disconnected(entry, holder, goneAtMs);
    if (changed === undefined) return undefined;
    const written = await store.replace(ref, changed, signal);
    if (written instanceof KubeError) return written.code === 'absent' ? undefined : written;
    log.info(ref, 'the stream of a machine ended: its WorkloadEntry goes unless it comes back');
    return undefined;
  }

  #complain(live: Live, reason: string): undefined {
    if (live.complaint !== reason) this.#options.log.warn({ ...live.ref, reason }, 'a machine is not registered');
    live.complaint = reason;
  }
}

function keyOf({ namespace, name }: Pick<EntryRef, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}
