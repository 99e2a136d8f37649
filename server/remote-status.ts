// What a reader is told of a remote beyond its registry's own status: the Secret it comes from, Secrets that stand behind, and
// credentials that don't work, each as a finding on the object to mend.

import type { ClusterStatus } from '../discovery/model/cluster-snapshot.ts';
import type { Problem } from '../discovery/model/problem.ts';
import type { RemoteSecret } from '../discovery/model/remote-secret.ts';
import type { PlannedRemote, RemoteSpec } from './remote-spec.ts';

export interface RemoteFacts {
  readonly planned: PlannedRemote;
  /** Of the generation that serves. */
  readonly current: RemoteSpec | undefined;
  /** Status of the generation that is to replace it. */
  readonly next: ClusterStatus | undefined;
  /** When the credentials that were declared last end, in milliseconds since the epoch, as far as they say. */
  readonly expiresAtMs: number | undefined;
  readonly nowMs: number;
}

/** @param status of the generation that serves */
export function remoteStatus(
  status: ClusterStatus,
  { planned, current, next, expiresAtMs, nowMs }: RemoteFacts,
): ClusterStatus {
  // What is only remembered reads nothing: how the reading goes, the generation tells that reads.
  const isRecalled = current?.location.kind === 'unknown';
  const reading = isRecalled && next !== undefined ? next : status;
  const successor = isRecalled ? undefined : next;
  const failures = successor === undefined ? [] : refused(successor, planned);
  const [failure] = failures;
  const { secret } = planned.spec;
  const { error: _error, ...rest } = status;
  return {
    ...rest,
    ...(secret === undefined ? {} : { secretName: secret.secretName }),
    ...(expiresAtMs === undefined ? {} : { credentialExpiresAt: new Date(expiresAtMs).toISOString() }),
    ...(reading.error === undefined ? {} : { error: reading.error }),
    problems: [
      ...status.problems,
      ...(next?.problems ?? []).filter(({ severity }) => severity === 'error'),
      ...unusable(status, reading, planned),
      ...failures,
      ...expiring(planned, expiresAtMs, nowMs),
      ...shadowedProblems(planned),
    ],
    conditions: [...status.conditions, ...rotation(successor, failure)],
  };
}

/** How far the taking over of what was declared last is. */
function rotation(successor: ClusterStatus | undefined, failure: Problem | undefined): ClusterStatus['conditions'] {
  if (failure !== undefined) return [{ name: 'rotation-failed', message: failure.message }];
  if (successor === undefined || successor.phase === 'failed') return [];
  return [{ name: 'rotating', message: rotatingMessage }];
}

const rotatingMessage =
  'the cluster is being read as it was last declared; what was read before serves until that is done';

/** The cluster can't be read. */
function unusable(status: ClusterStatus, reading: ClusterStatus, { spec }: PlannedRemote): readonly Problem[] {
  const { secret } = spec;
  if (secret === undefined || (reading.phase !== 'failed' && reading.phase !== 'stale')) return [];
  const reason = sentence(reading.error);
  const effect =
    status.phase === 'failed'
      ? 'nothing is known of the cluster'
      : 'what was known of the cluster before stays as long as its stale policy lets it';
  return [on(secret, 'remote-unreachable', `${reason}; ${effect}: ${remedy(reason)}.`)];
}

/** It can't be read as it was last declared, and goes on being read as before. */
function refused(next: ClusterStatus, { spec }: PlannedRemote): readonly Problem[] {
  if (spec.secret === undefined) return [];
  // It may be let in and not be let see everything: such a reading is never complete, and never takes over.
  const forbidden = next.problems.find(({ code, severity }) => code === 'forbidden' && severity === 'error');
  if (next.phase !== 'failed' && forbidden === undefined) return [];
  const reason = sentence(next.phase === 'failed' ? next.error : forbidden?.message);
  const effect = 'the cluster is read as it was declared before, as long as that works';
  return [on(spec.secret, 'rotation-failed', `${reason}; ${effect}: ${remedy(reason)}.`)];
}

/** Announced this long before. */
const expiryNoticeMs = 7 * 86_400_000;

function expiring({ spec }: PlannedRemote, endMs: number | undefined, nowMs: number): readonly Problem[] {
  const { secret } = spec;
  if (secret === undefined || endMs === undefined || endMs - nowMs > expiryNoticeMs) return [];
  const end = new Date(endMs).toISOString();
  const tense = endMs <= nowMs ? 'ended at' : 'end at';
  const message = `the credentials for ${secret.clusterId} ${tense} ${end}: apply a new Secret, see \`isthmus remote-secret\`.`;
  const code = endMs <= nowMs ? 'credential-expired' : 'credential-expires';
  return [{ ...on(secret, code, message), severity: 'warning' }];
}

function sentence(error: string | undefined): string {
  return (error ?? 'the cluster can not be read').replace(/\.$/, '');
}

function on({ secret, field, origin }: RemoteSecret, code: string, message: string): Problem {
  return { severity: 'error', code, object: secret, field, ...(origin === undefined ? {} : { origin }), message };
}

/** What to do, by what the API server or the network said. */
function remedy(reason: string): string {
  const [, advice] = remedies.find(([pattern]) => pattern.test(reason)) ?? [];
  return advice ?? 'see that its server is the address of the API server as it is reached from here, and that it runs';
}

const remedies: readonly (readonly [RegExp, string])[] = [
  [
    /answered 401/,
    'its token or certificate is not, or no longer, accepted; make the Secret anew with `isthmus remote-secret`',
  ],
  [/answered 403/, 'grant its user what docs/remotes.md lists'],
  [
    /certificate/,
    'see that certificate-authority-data is that of this API server, and that server is a name in its certificate',
  ],
  [/kubeconfig/, 'make the Secret anew with `isthmus remote-secret`'],
  [/answered 400/, 'see that the label selector in its annotations is one'],
];

function shadowedProblems({ spec, shadowed }: PlannedRemote): readonly Problem[] {
  const inForce =
    spec.secret === undefined
      ? 'by --remote'
      : `by the Secret ${spec.secret.secretName}, which is older or comes first`;
  return shadowed.map(({ clusterId, secret, field, origin }) => ({
    severity: 'warning',
    code: 'duplicate-cluster',
    object: secret,
    field,
    ...(origin === undefined ? {} : { origin }),
    message: `${clusterId} is already declared ${inForce}, so this declaration has no effect: remove one of the two.`,
  }));
}
