// Keeps a workload's certificate fresh for as long as it runs. In: how to get one, a clock. Out: the current certificate, and word
// of every new one. A renewal that fails never takes away the certificate that is there.

import type { Clock } from '../../ca/clock.ts';
import type { Log } from '../log.ts';
import { AgentError, reasonOf } from '../agent-error.ts';
import { delayAfterFailures } from '../back-off.ts';
import type { BackOff } from '../back-off.ts';
import type { WorkloadCertificate } from './workload-certificate.ts';

export type IdentityKeeperOptions = {
  /** Makes a new key and has it certified. `current` is what is being renewed. Throws AgentError. */
  readonly issue: (current: WorkloadCertificate | undefined, signal: AbortSignal) => Promise<WorkloadCertificate>;
  /** A certificate from before, if one was kept. */
  readonly initial?: WorkloadCertificate | undefined;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly log: Log;
};

const backOff: BackOff = { firstMs: 500, longestMs: 60_000 };

// Istio's agent renews at half life, give or take one hundredth, so that pods started together do not ask together.
const renewAt = 0.5;
const renewJitter = 0.01;

// Under an authority that is about to expire every certificate is short: renewing must not become a busy loop.
const minPauseMs = 1000;

export class IdentityKeeper {
  #current: WorkloadCertificate | undefined;
  #options: IdentityKeeperOptions;
  #listeners = new Set<(certificate: WorkloadCertificate) => void>();
  #first = Promise.withResolvers<WorkloadCertificate>();
  #failures = 0;

  constructor(options: IdentityKeeperOptions) {
    this.#options = options;
    if (options.initial !== undefined) this.#take(options.initial);
  }

  get current(): WorkloadCertificate | undefined {
    return this.#current;
  }

  /** Failed attempts since the last certificate. */
  get failures(): number {
    return this.#failures;
  }

  /** Resolves when there is a certificate. Stays pending while there is none, also after the keeper has ended. */
  get first(): Promise<WorkloadCertificate> {
    return this.#first.promise;
  }

  /** Calls back with every certificate from now on. */
  onChange(listener: (certificate: WorkloadCertificate) => void): void {
    this.#listeners.add(listener);
  }

  /** Gets certificates until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(this.#pauseMs(), signal);
      if (signal.aborted) return;
      await this.#attempt(signal);
    }
  }

  #pauseMs(): number {
    const { clock, random } = this.#options;
    if (this.#failures > 0) return delayAfterFailures(backOff, this.#failures, random);
    if (this.#current === undefined) return 0;
    const leftMs = Math.max(0, this.#current.notAfterMs - clock.now());
    return Math.max(minPauseMs, leftMs * (renewAt + renewJitter * (2 * random() - 1)));
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const { issue, clock, log } = this.#options;
    try {
      const certificate = await issue(this.#current, signal);
      this.#failures = 0;
      log.info(
        {
          spiffeId: certificate.spiffeId,
          serialNumber: certificate.serialNumber,
          notAfter: new Date(certificate.notAfterMs).toISOString(),
        },
        this.#current === undefined ? 'certificate received' : 'certificate renewed',
      );
      this.#take(certificate);
    } catch (error) {
      if (signal.aborted) return;
      this.#failures += 1;
      const left =
        this.#current === undefined
          ? 'none yet'
          : `${Math.round((this.#current.notAfterMs - clock.now()) / 1000)} s left`;
      const code = error instanceof AgentError ? error.code : 'internal';
      log.warn({ code, failures: this.#failures, certificate: left }, `no certificate: ${reasonOf(error)}`);
    }
  }

  #take(certificate: WorkloadCertificate): void {
    this.#current = certificate;
    this.#first.resolve(certificate);
    for (const listener of this.#listeners) listener(certificate);
  }
}
