// What a source (directory, API server) tells a registry. The same events whatever the source: one contract suite tests them.

import type { KubernetesObject } from './kubernetes-object.ts';
import type { ObjectKey } from './names.ts';
import type { Problem } from './problem.ts';

/**
 * One step of a source.
 * - `remembered`: the changes of this batch are what was known at `asOfMs` (milliseconds since the epoch), before this process
 *   started. Sent at most once, before everything else; what still exists is told again before `synced`, the rest is deleted.
 * - `changed`: the object was added or differs from what was last told.
 * - `deleted`: it is gone.
 * - `synced`: everything that existed at the start has been told; sent once for each generation of a source.
 * - `problems`: all findings that hold at present (replaces the list before).
 * - `connected`/`disconnected`: whether the source hears of changes; what it told so far stays valid.
 */
export type SourceEvent =
  | { readonly kind: 'remembered'; readonly asOfMs: number }
  | { readonly kind: 'changed'; readonly object: KubernetesObject }
  | { readonly kind: 'deleted'; readonly key: ObjectKey }
  | { readonly kind: 'synced' }
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] }
  | { readonly kind: 'connected' }
  | { readonly kind: 'disconnected'; readonly reason: string };

/** Events that belong together (one file reload, one watch burst) arrive as one batch and are folded at once. */
export type SourceBatch = readonly SourceEvent[];

/** Which kinds are read. A remote cluster is read for discovery only: nothing else exists in code for it. */
export type SourceScope = 'primary' | 'discovery-only';

/** A readable cluster. There is no write side. */
export interface Source {
  /** For logs and status: the directory or API server address. */
  readonly description: string;
  readonly scope: SourceScope;
  /** Tells everything, then changes, until the signal aborts; resolves when stopped. Never rejects because of bad input. */
  run(deliver: (batch: SourceBatch) => void, signal: AbortSignal): Promise<void>;
}
