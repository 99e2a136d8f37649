// When the credentials of a kubeconfig end, as far as they say so themselves: a token that is a JWT, or a client certificate.

import { X509Certificate } from 'node:crypto';
import { isMapping } from '../discovery/convert/field-reader.ts';
import { chooseContext, RemoteSecretError, type Mapping } from './self-contained-kubeconfig.ts';

/** Milliseconds since the epoch; undefined when they don't end, don't say, or can't be read. */
export function credentialExpiryMs(kubeconfig: string): number | undefined {
  let user: Mapping;
  try {
    ({ user } = chooseContext(kubeconfig, undefined));
  } catch (error) {
    if (error instanceof RemoteSecretError) return undefined;
    throw error;
  }
  const { token, 'client-certificate-data': certificate } = user;
  const ends = [typeof token === 'string' ? tokenEndMs(token) : undefined, certificateEndMs(certificate)];
  const known = ends.filter((end) => end !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** https://datatracker.ietf.org/doc/html/rfc7519#section-4.1.4 */
function tokenEndMs(token: string): number | undefined {
  const [, payload = ''] = token.split('.');
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    const end = isMapping(claims) ? claims['exp'] : undefined;
    return typeof end === 'number' ? end * 1000 : undefined;
  } catch {
    return undefined;
  }
}

function certificateEndMs(data: unknown): number | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    return new X509Certificate(Buffer.from(data, 'base64')).validToDate.getTime();
  } catch {
    return undefined;
  }
}
