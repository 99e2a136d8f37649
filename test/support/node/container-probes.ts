// The probes of one running container. In: its probes and a way to ask once. Out: whether it has started, is ready, and lives, told
// when it changes. The startup probe is alone until it has succeeded.

import type { V1Container, V1Probe } from '@kubernetes/client-node';
import type { Clock } from '../../../ca/clock.ts';

export interface ContainerProbesOptions {
  readonly container: V1Container;
  readonly clock: Clock;
  /** Ends with the container. */
  readonly signal: AbortSignal;
  /** Undefined when it is well, else why not. */
  readonly ask: (probe: V1Probe) => Promise<string | undefined>;
  readonly onStarted: () => void;
  readonly onReady: (ready: boolean, why: string) => void;
  readonly onDead: (which: string, why: string, probe: V1Probe) => void;
}

/** Resolves when the signal aborts or the container was found dead. */
export async function runProbes(options: ContainerProbesOptions): Promise<void> {
  const { container, signal, onStarted, onReady, onDead } = options;
  const { startupProbe, readinessProbe, livenessProbe } = container;
  if (startupProbe !== undefined) {
    const why = await follow(options, startupProbe, (well) => !well, 'until-well');
    if (signal.aborted) return;
    if (why !== undefined) {
      onDead('Startup', why, startupProbe);
      return;
    }
  }
  onStarted();
  const readiness = async (): Promise<void> => {
    if (readinessProbe === undefined) onReady(true, '');
    else await follow(options, readinessProbe, (well, why) => (onReady(well, why), false), 'always');
  };
  const liveness = async (): Promise<void> => {
    if (livenessProbe === undefined) return;
    const why = await follow(options, livenessProbe, (well) => !well, 'always');
    if (why !== undefined && !signal.aborted) onDead('Liveness', why, livenessProbe);
  };
  await Promise.all([readiness(), liveness()]);
}

/**
 * Asks again and again and tells each time a threshold is reached. Ends with the reason when `onResult` says so, with undefined when
 * it is well and `until` asks for no more, or when the signal aborts.
 */
async function follow(
  { clock, signal, ask }: ContainerProbesOptions,
  probe: V1Probe,
  onResult: (well: boolean, why: string) => boolean,
  until: 'until-well' | 'always',
): Promise<string | undefined> {
  const { initialDelaySeconds = 0, periodSeconds = 10, failureThreshold = 3, successThreshold = 1 } = probe;
  await clock.sleep(initialDelaySeconds * 1000, signal);
  let well = 0;
  let failed = 0;
  while (!signal.aborted) {
    const why = await ask(probe).catch((error: unknown) => String(error));
    if (signal.aborted) break;
    well = why === undefined ? well + 1 : 0;
    failed = why === undefined ? 0 : failed + 1;
    if (well >= successThreshold) {
      onResult(true, '');
      if (until === 'until-well') return undefined;
    }
    if (failed >= failureThreshold && onResult(false, why ?? '')) return why;
    await clock.sleep(periodSeconds * 1000, signal);
  }
  return undefined;
}
