// On the TLS port a node must be who its certificate or token says: anyone may write anything into a node.

import { CaError } from '../../ca/ca-error.ts';
import { parseSpiffeId } from '../../ca/spiffe.ts';

/** What a node says of itself. */
export interface ClaimedIdentity {
  readonly namespace: string;
  /** Empty: it does not say. */
  readonly serviceAccount: string;
}

export interface ProvenIdentity {
  /** SPIFFE id of a certificate or token; absent when there was none. */
  readonly identity?: string | undefined;
  /** False on the plaintext port, where nothing is proven and nothing compared. */
  readonly authenticated: boolean;
}

/** What does not fit together, in one sentence; undefined when all does. */
export function identityMismatch(
  proven: ProvenIdentity,
  claimed: ClaimedIdentity,
  trustDomains: readonly string[],
): string | undefined {
  if (!proven.authenticated) return undefined;
  if (proven.identity === undefined) return 'This port serves proxies with a certificate or token of the mesh only.';
  const identity = parseSpiffeId(proven.identity);
  if (identity instanceof CaError) return identity.message;
  if (!trustDomains.includes(identity.trustDomain)) {
    return `The identity ${proven.identity} is of another trust domain than this mesh (${trustDomains.join(', ')}).`;
  }
  if (identity.namespace !== claimed.namespace) {
    return `The node says namespace "${claimed.namespace}", its identity is ${proven.identity}.`;
  }
  if (claimed.serviceAccount !== '' && identity.serviceAccount !== claimed.serviceAccount) {
    return `The node says service account "${claimed.serviceAccount}", its identity is ${proven.identity}.`;
  }
  return undefined;
}
