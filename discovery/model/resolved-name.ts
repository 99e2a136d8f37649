// What is known at present of a host name that stands for a gateway.

export interface ResolvedName {
  /** IP addresses; those of before while it can't be resolved any more, empty while it never could be. */
  readonly addresses: readonly string[];
  /** Why it can't be resolved now; absent while nobody has answered yet. */
  readonly error?: string | undefined;
}

/** Asked for the first time, or by nobody who could answer. */
export const unknownName: ResolvedName = Object.freeze({ addresses: [] });
