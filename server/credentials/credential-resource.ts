// A credential as an Envoy gets it. In: a certificate with its key, or client roots. Out: the encoded Secret resource. Its bytes are
// for streams alone: nothing shows, logs or keeps them elsewhere.

import type { ObjectKey } from '../../discovery/model/names.ts';
import { Secret } from '../../proto/generated/envoy.extensions.transport_sockets.tls.v3.ts';
import { encodeResource } from '../cache/encode-resource.ts';
import type { EncodedResource } from '../cache/encoded-resource.ts';
import type { ClientRootsBundle, ServingCertificate } from './read-credential.ts';

export function certificateResource(
  name: string,
  { chainPem, keyPem }: ServingCertificate,
  source: ObjectKey,
): EncodedResource {
  const tlsCertificate = {
    certificateChain: { inlineBytes: Buffer.from(chainPem) },
    privateKey: { inlineBytes: Buffer.from(keyPem) },
  };
  return encodeResource({ type: Secret, name, message: { name, tlsCertificate }, sources: [source] });
}

export function clientRootsResource(
  name: string,
  { rootsPem, crlPem }: ClientRootsBundle,
  source: ObjectKey,
): EncodedResource {
  const validationContext = {
    trustedCa: { inlineBytes: Buffer.from(rootsPem) },
    ...(crlPem === undefined ? {} : { crl: { inlineBytes: Buffer.from(crlPem) } }),
  };
  return encodeResource({ type: Secret, name, message: { name, validationContext }, sources: [source] });
}
