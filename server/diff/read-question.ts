// The body of a question: one JSON document a line, `{"write": OBJECT}` or `{"delete": OBJECT}`, an object as Kubernetes has it. In: the
// text. Out: what is to be written and deleted, or one sentence that says what is wrong with the body.

import { isMapping } from '../../discovery/convert/field-reader.ts';
import { keyOf, kindOf, type KubernetesObject } from '../../discovery/model/kubernetes-object.ts';
import { objectKey, type ObjectKey } from '../../discovery/model/names.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import { parseObject } from '../../discovery/source/object-schema.ts';
import { diffLimits } from './diff-report.ts';

export type Edit =
  | { readonly kind: 'write'; readonly object: KubernetesObject }
  | { readonly kind: 'delete'; readonly key: ObjectKey }
  /** Can't be read as an object. */
  | { readonly kind: 'wrong'; readonly key: ObjectKey; readonly problems: readonly Problem[] }
  /** Of a kind that no proxy sees anything of. */
  | { readonly kind: 'ignored'; readonly key: ObjectKey };

export class QuestionError extends Error {
  override readonly name = 'QuestionError';
}

/** A pause after each line. @throws QuestionError */
export function* readQuestion(body: string): Generator<undefined, readonly Edit[]> {
  const edits: Edit[] = [];
  let start = 0;
  for (let line = 1; start < body.length; line += 1) {
    const end = body.indexOf('\n', start);
    const text = body.slice(start, end < 0 ? body.length : end).trim();
    start = end < 0 ? body.length : end + 1;
    if (text === '') continue;
    edits.push(editOf(text, line));
    if (edits.length > diffLimits.objects) {
      throw new QuestionError(
        `More than ${String(diffLimits.objects)} objects are not compared at once; ask in parts.`,
      );
    }
    yield;
  }
  return edits;
}

function editOf(text: string, line: number): Edit {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new QuestionError(`Line ${String(line)} of the question is not JSON.`);
  }
  const fields = isMapping(value) ? value : {};
  const isWrite = isMapping(fields['write']);
  const object = isWrite ? fields['write'] : fields['delete'];
  if (!isMapping(object)) {
    throw new QuestionError(
      `Line ${String(line)} of the question is neither {"write": OBJECT} nor {"delete": OBJECT}.`,
    );
  }
  const parsed = parseObject(object, 'primary');
  if (parsed === undefined) return { kind: 'ignored', key: claimedKey(object) };
  if (Array.isArray(parsed)) return { kind: 'wrong', key: claimedKey(object), problems: parsed };
  if (!('metadata' in parsed)) return { kind: 'ignored', key: claimedKey(object) };
  // What a Secret holds is nobody's business here, and proxies get none of it this way.
  if (kindOf(parsed) === 'Secret') return { kind: 'ignored', key: keyOf(parsed) };
  return isWrite ? { kind: 'write', object: parsed } : { kind: 'delete', key: keyOf(parsed) };
}

/** Kinds that are read by nobody here and in no namespace, whatever they say. */
const clusterKinds =
  /^(Cluster(Role|RoleBinding)|CustomResourceDefinition|APIService|PersistentVolume|(Storage|Priority|Ingress|Gateway|Runtime)Class|(Validating|Mutating)Admission\w+|CertificateSigningRequest|CSI(Driver|Node))$/;

function claimedKey(object: Readonly<Record<string, unknown>>): ObjectKey {
  const metadata = isMapping(object['metadata']) ? object['metadata'] : {};
  const kind = textOf(object['kind']);
  return objectKey(kind, clusterKinds.test(kind) ? '' : textOf(metadata['namespace']), textOf(metadata['name']));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
