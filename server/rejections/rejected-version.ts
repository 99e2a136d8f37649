// One version of a resource that proxies rejected, and what became of it.

import type { ObjectKey } from '../../discovery/model/names.ts';
import type { EncodedResource } from '../cache/encoded-resource.ts';

/**
 * `held`: objects are in force in their earlier form; `left-out`: they had none. `disputed`: other proxies take what is made of them.
 * `guarded`: an earlier form might let more in. `unknown`: no object could be named, or taking it back changed nothing.
 */
export type Outcome = 'held' | 'left-out' | 'disputed' | 'guarded' | 'unknown';

export interface RejectedVersion {
  readonly typeUrl: string;
  /** Undefined when the proxy did not say which resource of a response it can't take. */
  readonly resource: EncodedResource | undefined;
  /** The proxy's own words. */
  readonly said: string;
  /** Node ids, as far as they are counted. */
  readonly proxies: ReadonlySet<string>;
  readonly outcome: Outcome;
  readonly objects: readonly ObjectKey[];
}

/** What tells rejected versions apart. */
export function versionKey(typeUrl: string, { name, version }: Pick<EncodedResource, 'name' | 'version'>): string {
  return `${typeUrl} ${name} ${version}`;
}
