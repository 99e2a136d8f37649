// Collects what is wrong with one object while it is converted. In: the object. Out: its problems, each with the file, line
// and field at fault; one error refuses the object, so that its last good state stays.

import { keyOf, type KubernetesObject } from '../model/kubernetes-object.ts';
import type { Origin, Problem } from '../model/problem.ts';

/** The result of reading one object: `value` is absent when an error refuses it. */
export interface Conversion<T> {
  readonly value?: T | undefined;
  /** Of a refused object that must not count as absent: what holds while there is no good state of it. */
  readonly standIn?: T | undefined;
  readonly problems: readonly Problem[];
}

const refusal = 'is not taken, and what was good of it before stays.';

/** The sentence of an error where nothing came before the object, as in a directory: without what happens until it is mended. */
export function withoutBefore(problem: Problem): Problem {
  const { severity, message } = problem;
  const [, what] = /^(.*)(?:; until| Until) then the /s.exec(message) ?? [];
  if (severity !== 'error' || what === undefined || !message.endsWith(refusal)) return problem;
  return { ...problem, message: what.endsWith('?') ? what : `${what}.` };
}

export class Findings {
  readonly #object: KubernetesObject;
  readonly #problems: Problem[] = [];
  #refused = false;

  constructor(object: KubernetesObject) {
    this.#object = object;
  }

  get refused(): boolean {
    return this.#refused;
  }

  /** `message` says what is wrong and what to do, without a full stop; what happens because of it is added. */
  error(code: string, field: string, message: string): void {
    this.#refused = true;
    const what = this.#object.kind === '' ? 'document' : this.#object.kind;
    const until = message.endsWith('?') ? ' Until' : '; until';
    this.#add('error', code, field, `${message}${until} then the ${what} ${refusal}`);
  }

  /** The object is taken. `message` says what is wrong, what happens and what to do, without a full stop. */
  warn(code: string, field: string, message: string): void {
    this.#add('warning', code, field, message.endsWith('?') ? message : `${message}.`);
  }

  /** The value unless an error was found. */
  conclude<T>(value: T | undefined): Conversion<T> {
    return this.#refused || value === undefined ? { problems: this.#problems } : { value, problems: this.#problems };
  }

  #add(severity: Problem['severity'], code: string, field: string, message: string): void {
    const origin = originOf(this.#object, field);
    this.#problems.push({
      severity,
      code,
      object: keyOf(this.#object),
      field,
      ...(origin === undefined ? {} : { origin }),
      message,
    });
  }
}

/** Where a field was read: the line of the field when the source knows it, else the line of its document. */
function originOf(object: KubernetesObject, field: string): Origin | undefined {
  if (object.origin === undefined) return undefined;
  const line = object.lineOf?.(field) ?? object.origin.line;
  return line === undefined ? { place: object.origin.place } : { place: object.origin.place, line };
}
