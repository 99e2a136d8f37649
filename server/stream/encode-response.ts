// A batch as the bytes of one response: frames that were encoded once, joined around a nonce. The only place where delta
// and state of the world differ on the way out.

import { concat, deltaFrames, encodeDiscoveryResponse } from '../../proto/splice.ts';
import { stateVersion } from './state-version.ts';
import type { Batch } from './response-batch.ts';

/** A delta response without its nonce, which belongs between the two parts. */
export interface DeltaEnvelope {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

export interface EncodedResponse {
  /** The message is these, one after the other; those that streams share are not copied for each. */
  readonly parts: readonly Uint8Array[];
  /** `version_info`; empty in delta, where every resource has its own. */
  readonly version: string;
}

type Content = Pick<Batch, 'resources' | 'removed'>;

export function encodeDeltaEnvelope({ resources, removed }: Content, typeUrl: string): DeltaEnvelope {
  const resourceFrames = resources.map((resource) => resource.deltaFrame);
  return {
    before: concat([...resourceFrames, deltaFrames.typeUrl(typeUrl)]),
    after: concat(removed.map(deltaFrames.removedResource)),
  };
}

export function encodeDelta({ before, after }: DeltaEnvelope, nonce: string): EncodedResponse {
  const parts = [before, deltaFrames.nonce(nonce)];
  return { parts: after.length === 0 ? parts : [...parts, after], version: '' };
}

export function encodeSotw(
  { resources }: Pick<Content, 'resources'>,
  { typeUrl, nonce }: { readonly typeUrl: string; readonly nonce: string },
): EncodedResponse {
  const version = stateVersion(resources);
  const resourceFrames = resources.map((resource) => resource.anyFrame);
  return { parts: [encodeDiscoveryResponse({ versionInfo: version, typeUrl, nonce, resourceFrames })], version };
}
