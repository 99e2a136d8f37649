// A machine outside Kubernetes, registered while its agent runs. In: where to register, how to probe. A workload without a probe is ready
// as long as the agent is not told to stop; one that stops says so, so that its callers go elsewhere at once.

import { followReadiness } from './follow-readiness.ts';
import { probeWorkload } from './probe-workload.ts';
import type { ReadinessProbe } from './readiness-probe.ts';
import { Registration, type RegistrationOptions } from './registration-service.ts';

export type RegisterMachineOptions = RegistrationOptions & {
  readonly probe: ReadinessProbe | undefined;
  /** Aborts when the agent is told to stop, before the signal of the registration does. */
  readonly leaving: AbortSignal;
};

/** Until the signal aborts. Never rejects. */
export async function registerMachine(options: RegisterMachineOptions, signal: AbortSignal): Promise<void> {
  const { probe, leaving, clock, log } = options;
  const registration = new Registration(options);
  const onLeaving = (): void => registration.report('the agent is stopping');
  leaving.addEventListener('abort', onLeaving, { once: true });
  const until = AbortSignal.any([signal, leaving]);
  const onChange = (trouble: string | undefined): void => {
    if (trouble === undefined) log.info('the workload is ready');
    else log.warn({ reason: trouble }, 'the workload is not ready');
    registration.report(trouble);
  };
  if (probe === undefined) registration.report(undefined);
  const probing =
    probe === undefined
      ? undefined
      : followReadiness({ probe, clock, onChange, ask: (stop) => probeWorkload(probe, stop) }, until);
  await Promise.all([registration.run(signal), probing]);
  leaving.removeEventListener('abort', onLeaving);
}
