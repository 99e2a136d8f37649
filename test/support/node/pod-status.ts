// The status of a pod as a kubelet reports it. In: the pod, the states of its containers, where it is. Out: what the API server is
// told; the order of conditions and containers is that of the pod.

import type { V1PodCondition, V1PodStatus } from '@kubernetes/client-node';
import type { PodPlace } from './pod-fields.ts';
import type { ContainerState, TestContainer } from './test-container.ts';

export interface PodProgress {
  readonly startedAt: string;
  readonly place: PodPlace | undefined;
  readonly inits: readonly TestContainer[];
  readonly mains: readonly TestContainer[];
  readonly initialized: boolean;
  /** Absent while it goes on. */
  readonly outcome?: 'Succeeded' | 'Failed' | undefined;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
  readonly terminating: boolean;
}

/** As JSON: times are texts. */
export type ReportedStatus = Readonly<Record<string, unknown>>;

export function podStatus(progress: PodProgress, now: string, before: V1PodStatus | undefined): ReportedStatus {
  const { place, inits, mains, initialized, outcome } = progress;
  const sidecars = inits.filter(({ spec }) => spec.restartPolicy === 'Always');
  const ready = initialized && outcome === undefined && [...sidecars, ...mains].every((each) => each.ready);
  const condition = (type: string, holds: boolean, reason: string): Readonly<Record<string, unknown>> => {
    const status = holds ? 'True' : 'False';
    const old: V1PodCondition | undefined = before?.conditions?.find((each) => each.type === type);
    const lastTransitionTime =
      old?.status === status && old.lastTransitionTime !== undefined ? old.lastTransitionTime : now;
    return { type, status, lastTransitionTime, ...(holds ? {} : { reason }) };
  };
  return {
    phase: phaseOf(progress),
    ...(progress.reason === undefined ? {} : { reason: progress.reason }),
    ...(progress.message === undefined ? {} : { message: progress.message }),
    startTime: progress.startedAt,
    ...(place === undefined
      ? {}
      : { hostIP: place.hostIp, hostIPs: [{ ip: place.hostIp }], podIP: place.podIp, podIPs: [{ ip: place.podIp }] }),
    conditions: [
      condition('Initialized', initialized, 'ContainersNotInitialized'),
      condition('Ready', ready && !progress.terminating, 'ContainersNotReady'),
      condition('ContainersReady', ready, 'ContainersNotReady'),
      condition('PodScheduled', true, ''),
    ],
    initContainerStatuses: inits.map((each) => containerStatus(each, hasSucceeded(each))),
    containerStatuses: mains.map((each) => containerStatus(each, each.ready)),
  };
}

function phaseOf({ outcome, initialized, mains }: PodProgress): string {
  if (outcome !== undefined) return outcome;
  const began = mains.every(({ state, lastState }) => state.kind !== 'waiting' || lastState !== undefined);
  return initialized && began ? 'Running' : 'Pending';
}

/** An init container is ready when it is done, a native sidecar as any other. */
function hasSucceeded({ spec, ready, exitCode }: TestContainer): boolean {
  return ready || (spec.restartPolicy === undefined && exitCode === 0);
}

function containerStatus(container: TestContainer, ready: boolean): object {
  const { spec, state, lastState, started, restartCount } = container;
  const { name, image = '' } = spec;
  const last = lastState === undefined ? {} : shown(lastState);
  return { name, image, imageID: '', ready, started, restartCount, state: shown(state), lastState: last };
}

function shown({ kind, ...rest }: ContainerState): object {
  return { [kind]: rest };
}
