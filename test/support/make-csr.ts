// Makes PKCS#10 requests for tests, honest ones and bad ones, with node:crypto keys. PEM out.
import { generateKeyPair, sign, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { encodeDer, parseDer } from '../../ca/asn1/der.ts';
import { oids } from '../../ca/asn1/object-ids.ts';
import { bitString, explicit, nullValue, objectId, sequence, set, smallInteger } from '../../ca/asn1/write-der.ts';
import { distinguishedName } from '../../ca/distinguished-name.ts';
import { subjectAltName } from '../../ca/extensions.ts';
import { writePem } from '../../ca/pem.ts';

export type CsrKeyType = 'ecdsa-p256' | 'ecdsa-p384' | 'ecdsa-p521' | 'secp256k1' | 'rsa-1024' | 'rsa-2048' | 'ed25519';

export interface MakeCsrOptions {
  readonly type: CsrKeyType;
  /** A SPIFFE id that the request asks for; none if left out. */
  readonly claimedUri?: string;
  /** Signs with another key than the one in the request. */
  readonly signedBy?: KeyObject;
  /** Uses this key instead of a new one. */
  readonly key?: { publicKey: KeyObject; privateKey: KeyObject };
}

const curves = new Map<CsrKeyType, string>([
  ['ecdsa-p256', 'P-256'],
  ['ecdsa-p384', 'P-384'],
  ['ecdsa-p521', 'P-521'],
  ['secp256k1', 'secp256k1'],
]);

const generate = promisify(generateKeyPair);

/** A new key pair of the type. */
export function makeKeyPair(type: CsrKeyType): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  const curve = curves.get(type);
  if (curve !== undefined) return generate('ec', { namedCurve: curve });
  return type === 'ed25519' ? generate('ed25519') : generate('rsa', { modulusLength: Number(type.slice(4)) });
}

export async function makeCsr(options: MakeCsrOptions): Promise<string> {
  return writePem('CERTIFICATE REQUEST', await makeCsrDer(options));
}

export async function makeCsrDer(options: MakeCsrOptions): Promise<Buffer> {
  const { publicKey, privateKey } = options.key ?? (await makeKeyPair(options.type));
  const spki = parseDer(publicKey.export({ type: 'spki', format: 'der' }));
  const extensionRequest = '1.2.840.113549.1.9.14';
  const attributes =
    options.claimedUri === undefined
      ? []
      : [sequence(objectId(extensionRequest), set(sequence(subjectAltName({ uris: [options.claimedUri] }, true))))];
  const info = sequence(smallInteger(0), distinguishedName({ commonName: 'me' }), spki, explicit(0, ...attributes));
  const isRsa = publicKey.asymmetricKeyType === 'rsa';
  const isEd25519 = publicKey.asymmetricKeyType === 'ed25519';
  const algorithm = isEd25519
    ? sequence(objectId('1.3.101.112'))
    : isRsa
      ? sequence(objectId(oids.sha256WithRsa), nullValue())
      : sequence(objectId(oids.ecdsaWithSha256));
  const signature = sign(isEd25519 ? null : 'sha256', encodeDer(info), options.signedBy ?? privateKey);
  return encodeDer(sequence(info, algorithm, bitString(signature)));
}
