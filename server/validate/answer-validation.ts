// The answer to an API server about one object of the mesh that is about to be written. In: its question, and what judges the object.
// Out: a refusal with the sentences of what is wrong, or leave with warnings. Pure.

import type { Problem } from '../../discovery/model/problem.ts';
import type { AdmissionQuestion } from '../inject/admission-review.ts';
import type { AnsweredAdmission } from '../inject/answer-admission.ts';
import { mappingAt, scalarAt, type Mapping } from '../inject/json-value.ts';

export type ObjectCheck = (object: Mapping) => readonly Problem[];

/** An API server shows no more of them. */
const maxWarnings = 8;

export function answerValidation(question: AdmissionQuestion, check: ObjectCheck): AnsweredAdmission {
  const { operation, subresource, object } = question;
  // What is going away, and what another subresource says, changes nothing of what the object asks for.
  const isLeaving = mappingAt(object, 'metadata')['deletionTimestamp'] !== undefined;
  if ((operation !== 'CREATE' && operation !== 'UPDATE') || subresource !== '' || isLeaving) {
    return {
      answer: { allowed: true, patch: [], warnings: [] },
      outcome: 'skip',
      reason: 'only what is written is checked',
    };
  }
  const problems = check(named(question));
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) {
    const warnings = problems.slice(0, maxWarnings).map(sentence);
    return { answer: { allowed: true, patch: [], warnings }, outcome: 'success' };
  }
  const message = errors.map(sentence).join(' ');
  return { answer: { allowed: false, message, code: 400 }, outcome: 'failure', reason: message };
}

/** With the namespace of the request, and a name where the API server is still to make one. */
function named({ object, namespace }: AdmissionQuestion): Mapping {
  const metadata = mappingAt(object, 'metadata');
  const prefix = scalarAt(metadata, 'generateName') ?? '';
  const name = scalarAt(metadata, 'name') ?? (prefix === '' ? undefined : `${prefix}new`);
  return {
    ...object,
    metadata: { ...(namespace === '' ? {} : { namespace }), ...metadata, ...(name === undefined ? {} : { name }) },
  };
}

function sentence({ field = '', message }: Problem): string {
  return field === '' || message.startsWith(field) ? message : `${field}: ${message}`;
}
