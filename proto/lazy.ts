// A value that is costly to make, immutable once made and the same for the whole process: made when first asked for.
// Only for what is read from files that ship with the code; anything else is made in serve.ts and passed in.

/** Returns a function that calls `make` when it is first called and answers with that value ever after. */
export function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
