// A crowd of sidecars that come back at once with what they hold, as after the loss of a control plane, and try again as often
// as they are turned away.

import { setPriority } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { monotonicMs, nodeOf, sidecarTls, type FleetOptions } from './fleet.ts';
import { ReferenceReader } from './references.ts';
import { Sidecar } from './sidecar.ts';

export interface StormOutcome {
  /** From the first connection until each sidecar was answered, in the order of answering. */
  readonly eachMs: readonly number[];
  /** Connections and streams that were ended by the server. */
  readonly turnedAway: number;
  /** The same by what the sidecars saw of it. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Processor time of the crowd. */
  readonly cpuMs: number;
}

/** What is told while a storm goes on: a run that is cut off has said how far it got. */
const tellMs = 5000;

const openedAtOnce = 20;

/** Envoy's own back-off is of this order. */
const retryMs = 1000;

/** Resolves when each was answered. */
export async function storm(options: FleetOptions, model: Sidecar): Promise<StormOutcome> {
  const { address, tls } = options;
  // It shares the machine with the server and with those who watch for pushes; elsewhere it would not.
  setPriority(10);
  const secure = tls === undefined ? undefined : sidecarTls(tls);
  const references = new ReferenceReader();
  const startMs = monotonicMs();
  const answeredMs = new Map<Sidecar, number>();
  const reasons = new Map<string, number>();
  const cpu = process.cpuUsage();
  const telling = setInterval(() => {
    const seconds = ((monotonicMs() - startMs) / 1000).toFixed(0);
    console.log(`${seconds} s: ${answeredMs.size} of ${options.count} served, ${turnedAway} turned away`);
  }, tellMs);
  const all = Promise.withResolvers<void>();
  let turnedAway = 0;
  for (let index = 1; index <= options.count; index += 1) {
    const open = (): void => {
      sidecar.open();
      sidecar.askForNothing();
    };
    const sidecar = new Sidecar({
      address,
      tls: secure,
      node: nodeOf(index, options),
      references,
      onResponse: (answered) => {
        if (!answeredMs.has(answered)) answeredMs.set(answered, monotonicMs() - startMs);
        if (answeredMs.size === options.count) all.resolve();
      },
      onEnd: (reason) => {
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
        turnedAway += 1;
        setTimeout(open, retryMs * (0.5 + Math.random()));
      },
    });
    sidecar.learn(model);
    open();
    // Each would be a process of its own, which answers while others open.
    if (index % openedAtOnce === 0) await setImmediate();
  }
  await all.promise;
  clearInterval(telling);
  const { user, system } = process.cpuUsage(cpu);
  return {
    eachMs: [...answeredMs.values()],
    turnedAway,
    reasons: Object.fromEntries(reasons),
    cpuMs: (user + system) / 1000,
  };
}
