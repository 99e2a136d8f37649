// Earlier forms of objects that were edited, so that one that can't be used goes back to the form before it. In: each form that an
// object is declared with. Out: the form that is in force. An object that is held back stays so until it is declared in another form.

import { isDeepStrictEqual } from 'node:util';
import { LRUCache } from 'lru-cache';
import type { ServiceEntryDeclaration } from '../convert/service-entry.ts';
import type { ObjectKey } from '../model/names.ts';
import type { Policy } from '../model/policy.ts';

/** What an object declares, converted. */
export type Form = Policy | ServiceEntryDeclaration;

/** What is in force of an object that is held back. */
export type HeldForm = 'earlier' | 'none';

/** Objects whose earlier forms are kept: those that were edited last. */
const maxEarlier = 1000;

interface Held {
  /** What is declared, and not in force. */
  readonly declared: Form;
  readonly tryAgain: string | undefined;
  readonly inForce: HeldForm;
}

interface Declared {
  readonly form: Form | undefined;
  /** Another value than before: the same form is to be tried again. */
  readonly tryAgain: string | undefined;
}

export class ObjectForms {
  readonly #earlier = new LRUCache<ObjectKey, { readonly form: Form | undefined }>({ max: maxEarlier });
  readonly #held = new Map<ObjectKey, Held>();
  readonly #tryAgain = new Map<ObjectKey, string>();

  /** What is in force of an object that is held back; undefined when it is in force as it is declared. */
  held(key: ObjectKey): HeldForm | undefined {
    return this.#held.get(key)?.inForce;
  }

  /** Which form is to be in force, of an object that is declared in `form` and has been in force as `before`. */
  declare(key: ObjectKey, { form, tryAgain }: Declared, before: Form | undefined): Form | undefined {
    const held = this.#held.get(key);
    if (held !== undefined) {
      if (held.tryAgain === tryAgain && isSameForm(held.declared, form)) return before;
      this.#held.delete(key);
    }
    if (tryAgain === undefined) this.#tryAgain.delete(key);
    else this.#tryAgain.set(key, tryAgain);
    if (!isSameForm(before, form)) this.#earlier.set(key, { form: before });
    return form;
  }

  /** As `declare`, for a question that is to change nothing. */
  wouldBe(key: ObjectKey, { form, tryAgain }: Declared, before: Form | undefined): Form | undefined {
    const held = this.#held.get(key);
    return held !== undefined && held.tryAgain === tryAgain && isSameForm(held.declared, form) ? before : form;
  }

  /** What is declared of an object that is held back. */
  declared(key: ObjectKey): Form | undefined {
    return this.#held.get(key)?.declared;
  }

  forget(key: ObjectKey): void {
    this.#held.delete(key);
    this.#earlier.delete(key);
    this.#tryAgain.delete(key);
  }

  /**
   * The object can't be used as it is in force: what is to be in force instead. Undefined when there is nothing left to take back.
   * The form before it comes first; of an object that was not edited while it was watched, and of one whose earlier form can't be used
   * either, there is none.
   */
  holdBack(key: ObjectKey, inForce: Form | undefined): { readonly form: Form | undefined } | undefined {
    if (inForce === undefined) return undefined;
    const held = this.#held.get(key);
    const form = held === undefined ? this.#earlier.get(key)?.form : undefined;
    this.#held.set(key, {
      declared: held?.declared ?? inForce,
      tryAgain: this.#tryAgain.get(key),
      inForce: form === undefined ? 'none' : 'earlier',
    });
    return { form };
  }

  /** What is declared is to be in force again; undefined when the object is not held back. */
  release(key: ObjectKey): Form | undefined {
    const held = this.#held.get(key);
    this.#held.delete(key);
    return held?.declared;
  }
}

/** Lines of a file shift with whatever stands above: where a form was read is no part of it. */
function isSameForm(one: unknown, other: unknown): boolean {
  if (!isPlain(one) || !isPlain(other)) return isDeepStrictEqual(one, other);
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  names.delete('origin');
  return [...names].every((name) => isSameForm(one[name], other[name]));
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}
