// Serves a made-up mesh to made-up proxies once an instance is ready, so that the engine of JavaScript has compiled what serving
// needs before the first proxies come, which is all of them when another replica has gone.

import { setImmediate as otherEvents } from 'node:timers/promises';
import { madeUpChange, madeUpClusters, madeUpNode, madeUpObjects } from './made-up-mesh.ts';
import { MadeUpProxy } from './made-up-proxy.ts';
import { Slices } from './slices.ts';
import { openStage } from './stage.ts';

export interface RehearseOptions {
  /** Ends it early. */
  readonly signal: AbortSignal;
  /** Real proxies are there: serving them is the better rehearsal. */
  readonly overtaken: () => boolean;
  /** Of the event loop. */
  readonly maxMs?: number | undefined;
}

export interface Rehearsed {
  /** Of the event loop. */
  readonly tookMs: number;
  readonly changes: number;
  /** Assignments that arrived. */
  readonly assignments: number;
}

const defaultMaxMs = 400;
const sliceMs = 4;
const proxyCount = 20;
const changeCount = 50;

/** Resolves when it has ended and nothing of it is left. */
export async function rehearse({ signal, overtaken, maxMs = defaultMaxMs }: RehearseOptions): Promise<Rehearsed> {
  const slices = new Slices({ sliceMs, maxMs, over: () => signal.aborted || overtaken() });
  const stage = openStage(slices.later);
  const options = { clusters: madeUpClusters(), later: slices.later };
  const nodes = Array.from({ length: proxyCount }, (_, index) => madeUpNode(index));
  const proxies = nodes.map((node) => new MadeUpProxy({ ...options, node }));
  const returned: MadeUpProxy[] = [];
  let changes = 0;
  try {
    const [first, ...others] = proxies;
    // One that is there while the mesh comes to be: so all is compiled for one thing after the other rather than in one go.
    if (first !== undefined) await slices.play(() => stage.open(first));
    for (const event of madeUpObjects()) await slices.play(() => stage.tell(event));
    for (const proxy of others) await slices.play(() => stage.open(proxy));
    while (changes < changeCount && !slices.over) {
      changes += 1;
      await slices.play(() => stage.tell(madeUpChange(changes)));
    }
    for (const { held, node, socket } of proxies) {
      socket.destroy();
      const again = new MadeUpProxy({ ...options, node, held });
      returned.push(again);
      await slices.play(() => stage.open(again));
    }
  } finally {
    stage.close();
    // Sockets close a turn later.
    await otherEvents();
  }
  const assignments = [...proxies, ...returned].reduce((sum, proxy) => sum + proxy.assignments, 0);
  return { tookMs: slices.tookMs, changes, assignments };
}
