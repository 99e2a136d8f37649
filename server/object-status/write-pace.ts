// How often the status of one object may be written. What its author changed is answered at once; what comes and goes around it while
// it stays as it is (pods that restart, another controller that writes over ours) is written ever more rarely.

import { backOffMs, type BackOff, type Random } from '../../discovery/source/kube/back-off.ts';
import type { ObjectKey } from '../../discovery/model/names.ts';

interface Written {
  readonly generation: number | undefined;
  /** In a row, at this generation. */
  readonly times: number;
  readonly nextAtMs: number;
}

export class WritePace {
  readonly #backOff: BackOff;
  readonly #random: Random;
  readonly #written = new Map<ObjectKey, Written>();

  constructor(backOff: BackOff, random: Random) {
    this.#backOff = backOff;
    this.#random = random;
  }

  allows(key: ObjectKey, generation: number | undefined, nowMs: number): boolean {
    const last = this.#written.get(key);
    return last === undefined || last.generation !== generation || nowMs >= last.nextAtMs;
  }

  wrote(key: ObjectKey, generation: number | undefined, nowMs: number): void {
    const last = this.#written.get(key);
    // What was quiet for longer than it had to be begins anew.
    const isSoon =
      last !== undefined && last.generation === generation && nowMs < last.nextAtMs + this.#backOff.longestMs;
    const times = isSoon ? last.times + 1 : 1;
    const nextAtMs = nowMs + backOffMs(this.#backOff, times, this.#random);
    this.#written.set(key, { generation, times, nextAtMs });
  }

  /** Forgets what no longer delays anything. */
  prune(nowMs: number): void {
    for (const [key, { nextAtMs }] of this.#written) {
      if (nowMs >= nextAtMs + this.#backOff.longestMs) this.#written.delete(key);
    }
  }
}
