// What is wrong with the authority that was read last, while the one before it stays in force: logged once, and shown as a finding
// of the primary until it is put right.

import type { CaError } from '../ca/ca-error.ts';
import type { Problem } from '../discovery/model/problem.ts';
import type { Log } from './log.ts';

export class AuthorityComplaint {
  readonly #log: Log;
  #problem: Problem | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  get problems(): readonly Problem[] {
    return this.#problem === undefined ? [] : [this.#problem];
  }

  /** @param message one sentence or two: what is wrong, what happens because of it, what to do */
  raise(message: string, error?: CaError): void {
    if (this.#problem?.message === message) return;
    this.#problem = { severity: 'error', code: 'authority-unusable', message };
    this.#log.error({ error }, message);
  }

  settle(): void {
    if (this.#problem !== undefined) this.#log.info({}, 'the authority can be read again');
    this.#problem = undefined;
  }
}
