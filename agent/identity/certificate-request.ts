// A certificate signing request for a workload's own key: PKCS#10 (RFC 2986) with the SPIFFE id as the one subject alternative
// name. Our authority takes the name from whoever is authenticated; others compare it with the one asked for.

import { sign } from 'node:crypto';
import { encodeDer } from '../../ca/asn1/der.ts';
import { oids } from '../../ca/asn1/object-ids.ts';
import * as write from '../../ca/asn1/write-der.ts';
import type { NewKey } from '../../ca/make-authority.ts';
import { writePem } from '../../ca/pem.ts';
import { writeSignatureAlgorithm } from '../../ca/signature-algorithm.ts';
import type { SpiffeId } from '../../ca/spiffe.ts';

// RFC 2985, 5.4.2: the attribute that carries the extensions which are asked for.
const extensionRequest = '1.2.840.113549.1.9.14';

/** PEM, signed in Node's thread pool. Rejects only when node:crypto can't use the key. */
export async function certificateRequest(key: NewKey, spiffeId: SpiffeId): Promise<string> {
  const names = write.sequence(write.implicit(6, Buffer.from(spiffeId, 'ascii')));
  // RFC 5280, 4.2.1.6: critical, because the subject is empty.
  const subjectAltName = write.sequence(
    write.objectId(oids.subjectAltName),
    write.boolean(true),
    write.octetStringOf(names),
  );
  const attribute = write.sequence(write.objectId(extensionRequest), write.set(write.sequence(subjectAltName)));
  const info = write.sequence(write.smallInteger(0), write.sequence(), key.publicKey, write.explicit(0, attribute));
  const signature = await new Promise<Buffer>((resolve, reject) => {
    sign(key.algorithm.hash, encodeDer(info), key.privateKey, (error, signed) => {
      if (error === null) resolve(signed);
      else reject(error);
    });
  });
  const request = write.sequence(info, writeSignatureAlgorithm(key.algorithm), write.bitString(signature));
  return writePem('CERTIFICATE REQUEST', encodeDer(request));
}
