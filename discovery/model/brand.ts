// Branded strings: an identifier of one sort can't be passed where another is meant. No check happens here; callers validate first.

declare const brand: unique symbol;

/** A `Base` that only its own constructor function makes. */
export type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** Marks a value with its brand. The one cast that every branded constructor shares. */
export function asBranded<B extends Branded<string, string>>(value: string): B {
  // oxlint-disable-next-line typescript/consistent-type-assertions -- a brand exists in the type system only
  return value as B;
}
