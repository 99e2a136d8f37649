// A batch as the bytes of one response: frames that were encoded once, joined behind a nonce. The only place where delta
// and state of the world differ on the way out.

import { encodeDeltaResponse, encodeDiscoveryResponse } from '../../proto/splice.ts';
import { stateVersion } from './state-version.ts';
import type { Batch } from './response-batch.ts';

export interface ResponseEnvelope {
  readonly variant: 'delta' | 'sotw';
  readonly typeUrl: string;
  readonly nonce: string;
}

export interface EncodedResponse {
  readonly bytes: Uint8Array;
  /** `version_info`; empty in delta, where every resource has its own. */
  readonly version: string;
}

export function encodeResponse(
  envelope: ResponseEnvelope,
  batch: Pick<Batch, 'resources' | 'removed'>,
): EncodedResponse {
  const { typeUrl, nonce } = envelope;
  if (envelope.variant === 'delta') {
    const resourceFrames = batch.resources.map((resource) => resource.deltaFrame);
    const bytes = encodeDeltaResponse({ typeUrl, nonce, resourceFrames, removedResources: batch.removed });
    return { bytes, version: '' };
  }
  const version = stateVersion(batch.resources);
  const resourceFrames = batch.resources.map((resource) => resource.anyFrame);
  return { bytes: encodeDiscoveryResponse({ versionInfo: version, typeUrl, nonce, resourceFrames }), version };
}
