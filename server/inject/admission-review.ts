// AdmissionReview, v1 and v1beta1: a question of the API server read from untrusted text, and the answer to it.
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/

import { isMapping } from '../../discovery/convert/field-reader.ts';
import { parseJson } from './annotation-values.ts';
import { InjectError } from './inject-error.ts';
import type { PatchOperation } from './json-patch.ts';
import { mappingAt, scalarAt, type Mapping } from './json-value.ts';

export interface AdmissionQuestion {
  readonly apiVersion: string;
  readonly uid: string;
  /** Empty when the API server does not say it. */
  readonly namespace: string;
  readonly operation: string;
  /** `GROUP/KIND` in lower case; pods have no group. */
  readonly kind: string;
  readonly subresource: string;
  readonly object: Mapping;
}

export type AdmissionAnswer =
  | {
      readonly allowed: true;
      readonly patch: readonly PatchOperation[];
      readonly warnings: readonly string[];
    }
  /** `code` is an HTTP status, which `kubectl` shows with the message. */
  | { readonly allowed: false; readonly message: string; readonly code: number };

const versions = ['admission.k8s.io/v1', 'admission.k8s.io/v1beta1'];
/** An API server cuts longer ones. */
const maxWarningLength = 256;

/** Errors: `invalid-review`, in one sentence. */
export function readAdmissionReview(text: string): AdmissionQuestion | InjectError {
  const review = parseJson(text);
  if (!isMapping(review)) return invalid('the body is not a JSON object');
  const apiVersion = scalarAt(review, 'apiVersion') ?? '';
  if (review['kind'] !== 'AdmissionReview' || !versions.includes(apiVersion)) {
    return invalid(`the body is not an AdmissionReview of ${versions.join(' or ')}`);
  }
  const request = mappingAt(review, 'request');
  const uid = scalarAt(request, 'uid') ?? '';
  if (uid === '') return invalid('the AdmissionReview has no request with a uid');
  const operation = scalarAt(request, 'operation') ?? '';
  if (operation !== 'DELETE' && !isMapping(request['object']))
    return invalid('the AdmissionReview has no request.object');
  return {
    apiVersion,
    uid,
    namespace: scalarAt(request, 'namespace') ?? '',
    operation,
    kind: `${scalarAt(request, 'kind', 'group') ?? ''}/${scalarAt(request, 'kind', 'kind') ?? ''}`.toLowerCase(),
    subresource: scalarAt(request, 'subResource') ?? '',
    object: mappingAt(request, 'object'),
  };
}

export function admissionReviewOf({ apiVersion, uid }: AdmissionQuestion, answer: AdmissionAnswer): Mapping {
  return { apiVersion, kind: 'AdmissionReview', response: { uid, ...responseOf(answer) } };
}

function responseOf(answer: AdmissionAnswer): Mapping {
  if (!answer.allowed) {
    return { allowed: false, status: { status: 'Failure', message: answer.message, code: answer.code } };
  }
  const { patch, warnings } = answer;
  const encoded = Buffer.from(JSON.stringify(patch)).toString('base64');
  return {
    allowed: true,
    ...(patch.length === 0 ? {} : { patchType: 'JSONPatch', patch: encoded }),
    ...(warnings.length === 0 ? {} : { warnings: warnings.map((text) => text.slice(0, maxWarningLength)) }),
  };
}

function invalid(reason: string): InjectError {
  return new InjectError('invalid-review', `This is not a question that an API server asks: ${reason}.`);
}
