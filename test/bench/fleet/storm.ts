// A crowd of sidecars that come back at once with what they hold, as after the loss of a control plane, and try again as often
// as they are turned away.

import { setPriority } from 'node:os';
import { createSecureContext } from 'node:tls';
import { monotonicMs, nodeOf, type FleetOptions } from './fleet.ts';
import { ReferenceReader } from './references.ts';
import { Sidecar } from './sidecar.ts';

export interface StormOutcome {
  /** From the first connection until each sidecar was answered, in the order of answering. */
  readonly eachMs: readonly number[];
  /** Connections and streams that were ended by the server. */
  readonly turnedAway: number;
}

/** Envoy's own back-off is of this order. */
const retryMs = 1000;

/** Resolves when each was answered. */
export async function storm(options: FleetOptions, model: Sidecar): Promise<StormOutcome> {
  const { address, tls } = options;
  // It shares the machine with the server and with those who watch for pushes; elsewhere it would not.
  setPriority(10);
  const secure =
    tls === undefined
      ? undefined
      : { context: createSecureContext({ ca: tls.roots, cert: tls.chain, key: tls.key }), serverName: tls.serverName };
  const references = new ReferenceReader();
  const startMs = monotonicMs();
  const answeredMs = new Map<Sidecar, number>();
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
      onEnd: () => {
        turnedAway += 1;
        setTimeout(open, retryMs * (0.5 + Math.random()));
      },
    });
    sidecar.learn(model);
    open();
  }
  await all.promise;
  return { eachMs: [...answeredMs.values()], turnedAway };
}
