// Who is calling? What a call carried (a token, a client certificate, the name of its cluster) in, an identity or the
// reason for a refusal out. Ways to prove an identity are `Authenticator`s; a TokenReview against a Kubernetes API is
// one more of them.
import { CaError } from './ca-error.ts';
import type { Identity } from './spiffe.ts';

/** A certificate that the caller presented on its TLS connection. */
export interface ClientCertificate {
  readonly der: Uint8Array;
  /** DER of the other certificates that it sent, if the transport shows them. */
  readonly intermediates?: readonly Uint8Array[];
  /** Whether the TLS layer has verified the whole chain against the roots of the mesh. */
  readonly verified: boolean;
}

export interface AuthCall {
  /** The bearer token, without its scheme. */
  readonly token?: string;
  readonly clientCertificate?: ClientCertificate;
  /** The cluster that the caller says it is in (`clusterid`); empty or left out: the one of this instance. */
  readonly clusterId?: string;
}

export interface Authenticator {
  /**
   * Errors: `no-credential` when the call carries nothing that this way understands, `credential-refused` when it does
   * but proves nothing, `authentication-failed` when it could not be checked. Never rejects.
   */
  authenticate(call: AuthCall): Promise<Identity | CaError>;
}

/** Tries each in order; the first identity wins. Of several failures the first that is not `no-credential` is told. */
export function inOrder(authenticators: readonly Authenticator[]): Authenticator {
  return {
    authenticate: async (call) => {
      let failure = new CaError('no-credential', 'Present a token or a client certificate.');
      for (const authenticator of authenticators) {
        const result = await authenticator.authenticate(call);
        if (!(result instanceof CaError)) return result;
        if (failure.code === 'no-credential') failure = result.code === 'no-credential' ? failure : result;
      }
      return failure;
    },
  };
}
