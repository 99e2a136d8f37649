// Which extensions Envoys say they were built with. In: lists of hundreds, one from each node and few that differ. Out: one set for all
// nodes with the same list, so that it costs memory once.

import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Extension } from '../../proto/generated/envoy.config.core.v3.ts';
import { fullNameOfTypeUrl } from '../../proto/message-type.ts';

/** Names of extensions, and full names of the messages that configure them. */
export type ExtensionNames = ReadonlySet<string>;

/** Different lists that are remembered: one for each build of Envoy. */
const maxLists = 32;

/** Several times what an Envoy has; a longer list is none that is worth remembering. */
const maxNames = 8192;

export class AnnouncedExtensions {
  readonly #known = new LRUCache<string, { readonly names: ExtensionNames }>({ max: maxLists });

  /** Undefined for a node that does not say which messages its extensions take: nothing can be told from its list. */
  of(extensions: readonly Extension[] = []): ExtensionNames | undefined {
    const names = new Set<string>();
    let hasTypes = false;
    for (const { name = '', disabled, typeUrls = [] } of extensions) {
      if (disabled === true) continue;
      names.add(name);
      for (const type of typeUrls) names.add(fullNameOfTypeUrl(type));
      hasTypes ||= typeUrls.length > 0;
      if (names.size > maxNames) return undefined;
    }
    if (!hasTypes) return undefined;
    const key = createHash('sha256')
      .update(JSON.stringify([...names]))
      .digest('base64url');
    const known = this.#known.get(key) ?? { names };
    this.#known.set(key, known);
    return known.names;
  }
}
