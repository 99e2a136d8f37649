// What becomes of the endpoints of a remote cluster whose API server (or directory) can't be reached.

/** `keep`: nothing. `degrade`: they are used only when no others are left. `drop`: they go; its services stay declared. */
export type StalePolicy = 'keep' | 'degrade' | 'drop';

export interface StaleRule {
  readonly policy: StalePolicy;
  /** How long nothing must have been heard before the policy takes effect, in milliseconds. */
  readonly afterMs: number;
}

export const keepStale: StaleRule = Object.freeze({ policy: 'keep', afterMs: 0 });
