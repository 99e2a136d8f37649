// What the status of an object is to say, against what it says. In: an object's state and the findings about it. Out: the lists that
// are to be written, in which everything that others wrote stays; undefined when there is nothing to write. Pure.

import { isDeepStrictEqual } from 'node:util';
import type { Problem } from '../../discovery/model/problem.ts';
import { inStatusOrder, messageOf, reasonOf, validationMessages } from './finding-words.ts';
import type { ObjectState, StatusFields } from './object-states.ts';
import { acceptedType, isOwn, passedType } from './own-status.ts';

export interface DueStatus {
  readonly conditions: readonly StatusFields[];
  /** Absent: as it is. */
  readonly validationMessages?: readonly StatusFields[] | undefined;
}

/**
 * An object about which nothing was ever said is left alone until there is a finding.
 * @param timeMs milliseconds since the epoch, for conditions that become others
 */
export function dueStatus(state: ObjectState, problems: readonly Problem[], timeMs: number): DueStatus | undefined {
  const ownBefore = state.conditions.filter(isOwn);
  const messagesBefore = state.validationMessages.filter(isOwn);
  if (problems.length === 0 && ownBefore.length === 0 && messagesBefore.length === 0) return undefined;
  const found = inStatusOrder(problems);
  const refused = found.filter(({ severity }) => severity === 'error');
  const make = (type: string, against: readonly Problem[], reason: string): StatusFields =>
    condition(state, { type, against, reason, timeMs });
  const own = [make(acceptedType, refused, 'Accepted'), make(passedType, found, 'NoFindings')];
  const messages = validationMessages(found);
  const sameMessages = isDeepStrictEqual(messages, messagesBefore);
  if (sameMessages && isDeepStrictEqual(asStored(own, ownBefore), ownBefore)) return undefined;
  const foreign = state.conditions.filter((item) => !isOwn(item));
  const foreignMessages = state.validationMessages.filter((item) => !isOwn(item));
  return {
    conditions: [...foreign, ...own],
    ...(sameMessages ? {} : { validationMessages: [...foreignMessages, ...messages] }),
  };
}

/** Definitions before Istio 1.25 drop the generation of a condition: what never stays is not missed, or it were written for ever. */
function asStored(own: readonly StatusFields[], before: readonly StatusFields[]): readonly StatusFields[] {
  return own.map((condition) => {
    const stored = before.find(({ type }) => type === condition['type']);
    if (stored === undefined || 'observedGeneration' in stored) return condition;
    return Object.fromEntries(Object.entries(condition).filter(([name]) => name !== 'observedGeneration'));
  });
}

interface Judgement {
  readonly type: string;
  readonly against: readonly Problem[];
  /** Of True. */
  readonly reason: string;
  readonly timeMs: number;
}

/** https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties */
function condition(state: ObjectState, { type, against, reason, timeMs }: Judgement): StatusFields {
  const [first] = against;
  const status = first === undefined ? 'True' : 'False';
  const before = state.conditions.find((item) => item['type'] === type);
  const since = before?.['status'] === status ? before['lastTransitionTime'] : undefined;
  return {
    type,
    status,
    reason: first === undefined ? reason : reasonOf(first.code),
    ...(first === undefined ? {} : { message: messageOf(against) }),
    lastTransitionTime: typeof since === 'string' ? since : new Date(timeMs).toISOString().replace(/\.\d+Z$/, 'Z'),
    // Which kubectl wait compares with the object's. `status.observedGeneration` would make others wait for every edit.
    ...(state.generation === undefined ? {} : { observedGeneration: state.generation }),
  };
}
