// The version of several resources together: what state of the world calls `version_info`.

import { hash } from 'node:crypto';
import type { EncodedResource } from '../cache/encoded-resource.ts';

const versionDigits = 16;

/** Hash of the names and versions, in the order given. Equal states have equal versions on every replica. */
export function stateVersion(resources: readonly EncodedResource[]): string {
  const text = resources.map((resource) => `${resource.name}\n${resource.version}\n`).join('');
  return hash('sha1', text, 'hex').slice(0, versionDigits);
}
