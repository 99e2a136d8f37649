// The answer to an API server about one pod. In: its question, the settings, what the webhook's address says. Out: a patch, nothing to
// do, or a refusal in words. Pure.

import type { AdmissionAnswer, AdmissionQuestion } from './admission-review.ts';
import type { DeclaredProxyConfigs } from './declared-proxy-config.ts';
import { InjectError } from './inject-error.ts';
import { injectPod, podName } from './inject-pod.ts';
import type { InjectionOutcome } from './injection-metrics.ts';
import type { InjectionSettings } from './injection-settings.ts';
import { jsonPatch } from './json-patch.ts';
import { scalarAt } from './json-value.ts';
import { label } from '../../discovery/convert/well-known.ts';
import type { CallerFacts } from './sidecar-context.ts';

export interface AnsweredAdmission {
  readonly answer: AdmissionAnswer;
  readonly outcome: InjectionOutcome;
  /** Why there is no proxy. */
  readonly reason?: string;
}

export interface AnswerOptions {
  readonly settings: InjectionSettings;
  readonly declared: DeclaredProxyConfigs;
  readonly caller: CallerFacts;
}

export function answerInjection(
  question: AdmissionQuestion,
  { settings, declared, caller }: AnswerOptions,
): AnsweredAdmission {
  // Ephemeral containers and other changes of a pod that runs are no business of an injection.
  if (question.kind !== '/pod' || question.operation !== 'CREATE' || question.subresource !== '') {
    return unchanged('only the creation of pods is injected');
  }
  const namespace = question.namespace || (scalarAt(question.object, 'metadata', 'namespace') ?? '');
  const result = injectPod({ pod: question.object, namespace, settings, caller, declared });
  if (result instanceof InjectError) return refused(result.message, 400);
  if (result.kind === 'left-alone') return unchanged(result.reason);
  const patch = jsonPatch(question.object, result.pod);
  return { answer: { allowed: true, patch, warnings: result.remarks }, outcome: 'success' };
}

/** For pods whose label, or whose namespace's label, names a revision that is not known. */
export function answerUnknownRevision(question: AdmissionQuestion, known: readonly string[]): AnsweredAdmission {
  const own = scalarAt(question.object, 'metadata', 'labels', label.revision);
  const where = own === undefined ? `namespace ${question.namespace}` : 'the pod';
  const said = own === undefined ? '' : ` "${own}"`;
  return refused(
    `Pod ${podName(question.object, question.namespace)}: no control plane serves the revision${said} that label ${label.revision} of ${where} names. Known are ${known.join(', ')}: write one of them, or take the label away.`,
    400,
  );
}

/** A pod that is created now would get a proxy by other settings than the next one. */
export function answerTooEarly(): AnsweredAdmission {
  return refused(
    'The control plane has just started and has not read the settings of the injection yet: try again.',
    503,
  );
}

function unchanged(reason: string): AnsweredAdmission {
  return { answer: { allowed: true, patch: [], warnings: [] }, outcome: 'skip', reason };
}

function refused(message: string, code: number): AnsweredAdmission {
  return { answer: { allowed: false, message, code }, outcome: 'failure', reason: message };
}
