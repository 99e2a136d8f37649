// Who is on the other end of a stream: by the client certificate of the TLS handshake, or by a token that the caller can
// check. Without either the plaintext port serves an anonymous peer, the TLS port none.

import type { Peer, Refusal } from './snapshot-source.ts';

/** What the transport knows of a caller. */
export interface PeerCredentials {
  /** `ADDRESS:PORT` */
  readonly address: string;
  readonly tls: boolean;
  /** URI names in the client certificate, when it has a chain to a trusted root; else empty. */
  readonly certificateUris: readonly string[];
  /** From `authorization: Bearer TOKEN`. */
  readonly bearerToken: string | undefined;
  /** From the metadata `clusterid`: the Kubernetes cluster whose token it is. */
  readonly clusterId: string | undefined;
}

export interface AuthenticatedPeer {
  readonly kind: 'peer';
  readonly peer: Peer;
}

export interface PeerAuthenticator {
  authenticate(credentials: PeerCredentials): Promise<AuthenticatedPeer | Refusal>;
}

/** SPIFFE id of whom the token was issued to; undefined for a token that is not accepted; a refusal with its own code. */
export type TokenVerifier = (token: string, clusterId: string | undefined) => Promise<string | Refusal | undefined>;

/** A certificate counts before a token. Without `verifyToken` no token is accepted. */
export function createPeerAuthenticator(verifyToken?: TokenVerifier): PeerAuthenticator {
  return {
    async authenticate(credentials) {
      const { address, tls, bearerToken } = credentials;
      if (!tls) return { kind: 'peer', peer: { address, authenticated: false } };
      // SPIFFE X.509-SVID 2: a certificate that names a workload has exactly one URI.
      const [certified, ...others] = credentials.certificateUris;
      if (others.length > 0) return refused('the client certificate does not hold exactly one URI');
      if (certified !== undefined) return { kind: 'peer', peer: { address, identity: certified, authenticated: true } };
      if (bearerToken === undefined || verifyToken === undefined) {
        return refused('a certificate of the mesh or a token is needed on this port');
      }
      const identity = await verifyToken(bearerToken, credentials.clusterId);
      if (identity === undefined) return refused('the token is not accepted');
      if (typeof identity !== 'string') return identity;
      return { kind: 'peer', peer: { address, identity, authenticated: true } };
    },
  };
}

function refused(message: string): Refusal {
  return { kind: 'refused', code: 'UNAUTHENTICATED', message };
}
