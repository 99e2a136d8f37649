// What is wrong with an object that a user wrote, or with where it was read from, in words that say what to do.

import type { ObjectKey } from './names.ts';

/** Where an object was read: a file with the 1-based line of the document or of the field at fault, or an API server. */
export interface Origin {
  /** Path relative to the registry directory, or the API server's URL. */
  readonly place: string;
  readonly line?: number | undefined;
}

/** A finding about one object or one file. The last good state of just that object stays in force. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  /** Stable, kebab-case, e.g. `yaml-syntax`, `unknown-kind`, `invalid-address`. */
  readonly code: string;
  /** Absent when the file could not be read as objects at all. */
  readonly object?: ObjectKey | undefined;
  /** JSON path of the field, e.g. `spec.ports[0].port`. */
  readonly field?: string | undefined;
  readonly origin?: Origin | undefined;
  /** One sentence: what is wrong, what happens because of it, what to do. */
  readonly message: string;
}
