// Asks the workload again and again. In: a probe. Out: a call for each change between ready and not, the first one included.

import type { Clock } from '../../ca/clock.ts';
import type { ReadinessProbe } from './readiness-probe.ts';

export type FollowReadinessOptions = {
  readonly probe: ReadinessProbe;
  /** Undefined: ready; else why not. Never rejects. */
  readonly ask: (signal: AbortSignal) => Promise<string | undefined>;
  /** `trouble`: why it is not ready; undefined when it is. */
  readonly onChange: (trouble: string | undefined) => void;
  readonly clock: Clock;
};

/** Until the signal aborts. Never rejects. */
export async function followReadiness(options: FollowReadinessOptions, signal: AbortSignal): Promise<void> {
  const { probe, ask, onChange, clock } = options;
  let isReady: boolean | undefined;
  let alike = 0;
  let wasWell: boolean | undefined;
  if (probe.initialDelayMs > 0) await clock.sleep(probe.initialDelayMs, signal);
  while (!signal.aborted) {
    const trouble = await ask(signal);
    if (signal.aborted) return;
    const isWell = trouble === undefined;
    alike = isWell === wasWell ? alike + 1 : 1;
    wasWell = isWell;
    const enough = isWell ? probe.successThreshold : probe.failureThreshold;
    if (isWell !== isReady && alike >= enough) {
      isReady = isWell;
      onChange(trouble);
    }
    await clock.sleep(probe.periodMs, signal);
  }
}
