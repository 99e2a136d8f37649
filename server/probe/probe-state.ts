// What is known of one gateway from probing it. Pure: a state and the result of a probe give the next state.

/**
 * - `unknown`: never reached since this process started. It stays in use: the control plane may simply have no route to it.
 * - `reachable`, `unreachable`: as the last probes agreed. Only an `unreachable` gateway is taken out.
 */
export type GatewayVerdict = 'unknown' | 'reachable' | 'unreachable';

export interface ProbeState {
  readonly verdict: GatewayVerdict;
  /** When the verdict became what it is, in milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Probes in a row, up to now, that speak against the verdict. */
  readonly against: number;
  /** Why the last probe failed; undefined when it succeeded. */
  readonly lastError?: string | undefined;
}

/** One lost packet is no outage, and one lucky connection no recovery. */
const failuresToLeave = 3;
const successesToReturn = 2;

export function firstState(nowMs: number): ProbeState {
  return { verdict: 'unknown', sinceMs: nowMs, against: 0 };
}

/** @param error why the probe failed; undefined: it succeeded */
export function afterProbe(state: ProbeState, error: string | undefined, nowMs: number): ProbeState {
  const { verdict, sinceMs } = state;
  const known = error === undefined ? {} : { lastError: error };
  if (verdict === 'unknown') {
    if (error !== undefined) return { verdict, sinceMs, against: 0, ...known };
    return { verdict: 'reachable', sinceMs: nowMs, against: 0 };
  }
  const speaksAgainst = (verdict === 'reachable') === (error !== undefined);
  const against = speaksAgainst ? state.against + 1 : 0;
  if (verdict === 'reachable' && against >= failuresToLeave) {
    return { verdict: 'unreachable', sinceMs: nowMs, against: 0, ...known };
  }
  if (verdict === 'unreachable' && against >= successesToReturn) {
    return { verdict: 'reachable', sinceMs: nowMs, against: 0 };
  }
  return { verdict, sinceMs, against, ...known };
}
