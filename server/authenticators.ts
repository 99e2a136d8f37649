// Who may have a certificate or a stream: by client certificate under the roots of the mesh, or by a token of the primary.

import { byClientCertificate } from '../ca/authenticate-certificate.ts';
import { byKnownToken, tokenTable, type TokenLookup, type TokenReview } from '../ca/authenticate-token.ts';
import { inOrder, type Authenticator } from '../ca/authenticate.ts';
import { CaError } from '../ca/ca-error.ts';
import type { Clock } from '../ca/clock.ts';
import type { Issuer } from '../ca/issuer.ts';
import { formatSpiffeId } from '../ca/spiffe.ts';
import type { ClusterSnapshot } from '../discovery/model/cluster-snapshot.ts';
import type { ServeConfig } from './config.ts';
import { createPeerAuthenticator, type PeerAuthenticator } from './stream/peer-authenticator.ts';

export interface Authenticators {
  /** For the certificate service. */
  readonly callers: Authenticator;
  /** For streams on the TLS port. */
  readonly peers: PeerAuthenticator;
}

export interface AuthenticatorsOptions {
  readonly config: Pick<ServeConfig, 'trustDomain' | 'clusterId'>;
  readonly issuer: Issuer;
  readonly clock: Clock;
  readonly trustDomains: readonly string[];
  /** The primary as it is known at the moment: its token Secrets count where there is no API server to ask. */
  readonly primary: () => ClusterSnapshot;
  /** Asks the API server of the primary. */
  readonly review?: TokenReview | undefined;
}

export function authenticators(options: AuthenticatorsOptions): Authenticators {
  const { config, issuer, clock, trustDomains } = options;
  const byToken = byKnownToken({
    lookup: options.review ?? currentTokens(options.primary),
    trustDomain: config.trustDomain,
    clusterId: config.clusterId,
  });
  const byCertificate = byClientCertificate({ material: () => issuer.material, trustDomains, clock });
  return {
    callers: inOrder([byCertificate, byToken]),
    peers: createPeerAuthenticator(async (token, clusterId) => {
      const caller = await byToken.authenticate({ token, ...(clusterId === undefined ? {} : { clusterId }) });
      if (!(caller instanceof CaError)) return formatSpiffeId(caller);
      if (caller.code !== 'authentication-failed') return undefined;
      return { kind: 'refused', code: 'UNAVAILABLE', message: caller.message };
    }),
  };
}

/** Looks in the tokens of the snapshot of the moment; the table is made again when they changed. */
function currentTokens(primary: () => ClusterSnapshot): TokenLookup {
  let tokens: ClusterSnapshot['serviceAccountTokens'] = new Map();
  let table = tokenTable([]);
  return (token) => {
    const now = primary().serviceAccountTokens;
    if (now !== tokens) {
      tokens = now;
      table = tokenTable([...now].map(([secret, owner]) => ({ token: secret, ...owner })));
    }
    return table(token);
  };
}
