// A request of either variant as the connection sees it: which type, which answer, and what to do to the subscription.

import type { Node } from '../../proto/generated/envoy.config.core.v3.ts';
import type { DiscoveryRequest } from '../../proto/generated/envoy.service.discovery.v3.ts';
import type { DeltaRequest } from '../../proto/read-delta-request.ts';
import type { ResourceName } from '../cache/encoded-resource.ts';
import type { Subscription } from './subscription.ts';

export interface StreamRequest {
  /** Empty when the service has only one. */
  readonly typeUrl: string;
  readonly node: Node | undefined;
  /** Of the response that this answers; empty when it answers none. */
  readonly nonce: string;
  /**
   * Why the client rejects that response; undefined when it does not. "The preferred mechanism for a server to detect a NACK
   * is to look for the presence of the error_detail field"
   */
  readonly error: string | undefined;
  readonly nameCount: number;
  /** Delta: those newly asked for. State of the world: all. */
  readonly names: readonly string[];
  /** False for an answer and nothing else. */
  readonly changesNames: boolean;
  /** Returns the names that the client asks for and does not hold. */
  readonly apply: (subscription: Subscription) => readonly ResourceName[];
}

export function ofDelta(request: DeltaRequest): StreamRequest {
  const { subscribe, unsubscribe, initialVersions, typeUrl, node, responseNonce, errorDetail } = request;
  return {
    typeUrl,
    node,
    nonce: responseNonce,
    error: errorDetail === undefined ? undefined : (errorDetail.message ?? ''),
    nameCount: subscribe.length,
    names: subscribe,
    changesNames: subscribe.length + unsubscribe.length > 0,
    apply: (subscription) => subscription.updateDelta({ subscribe, unsubscribe, initialVersions }),
  };
}

/** Every request lists all names, so every one may change them. */
export function ofSotw(request: DiscoveryRequest): StreamRequest {
  const names = request.resourceNames ?? [];
  return {
    typeUrl: request.typeUrl ?? '',
    node: request.node,
    nonce: request.responseNonce ?? '',
    error: request.errorDetail === undefined ? undefined : (request.errorDetail.message ?? ''),
    nameCount: names.length,
    names,
    changesNames: true,
    apply: (subscription) => subscription.updateSotw(names, request.versionInfo ?? ''),
  };
}
