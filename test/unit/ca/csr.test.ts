import { createPublicKey, sign } from 'node:crypto';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeDer, parseDer } from '../../../ca/asn1/der.ts';
import { sequenceOf } from '../../../ca/asn1/read-der.ts';
import { bitString, explicit, objectId, sequence, smallInteger } from '../../../ca/asn1/write-der.ts';
import { CaError } from '../../../ca/ca-error.ts';
import { checkCsrSignature, parseCsr } from '../../../ca/csr.ts';
import { distinguishedName } from '../../../ca/distinguished-name.ts';
import { writePem } from '../../../ca/pem.ts';
import { failure, ok } from '../../support/certificate-authority.ts';
import { makeCsr, makeCsrDer, makeKeyPair, type CsrKeyType } from '../../support/make-csr.ts';

/** What becomes of a request: undefined when it is good, else the code of the error. */
async function judge(csr: string | Uint8Array): Promise<string | undefined> {
  const parsed = parseCsr(csr);
  if (parsed instanceof CaError) return parsed.code;
  return (await checkCsrSignature(parsed))?.code;
}

describe('a certificate signing request', () => {
  let good: Buffer;
  beforeAll(async () => {
    good = await makeCsrDer({ type: 'ecdsa-p256' });
  });

  it.each<CsrKeyType>(['ecdsa-p256', 'ecdsa-p384', 'rsa-2048'])('with a key of %s is accepted', async (type) => {
    expect(await judge(await makeCsr({ type }))).toBeUndefined();
    expect(await judge(await makeCsrDer({ type }))).toBeUndefined();
    expect(await judge(Buffer.from(await makeCsr({ type })))).toBeUndefined();
  });

  it.each<[CsrKeyType, string]>([
    ['rsa-1024', 'csr-weak-key'],
    ['ecdsa-p521', 'csr-unsupported'],
    ['secp256k1', 'csr-unsupported'],
    ['ed25519', 'csr-unsupported'],
  ])('with a key of %s is refused as %s', async (type, code) => {
    expect(await judge(await makeCsr({ type }))).toBe(code);
  });

  it('says how long a weak key is and what to use', async () => {
    const error = failure(parseCsr(await makeCsr({ type: 'rsa-1024' })));
    expect(error.message).toBe('The RSA key has 1024 bits: use at least 2048, or P-256.');
  });

  it.each<CsrKeyType>(['ecdsa-p256', 'rsa-2048'])('signed by another key of %s is refused', async (type) => {
    const other = await makeKeyPair(type);
    expect(await judge(await makeCsr({ type, signedBy: other.privateKey }))).toBe('csr-bad-signature');
  });

  it('whose signed part was changed is refused', async () => {
    const changed = Buffer.from(good);
    // The subject's common name is "me".
    changed.write('us', changed.indexOf('me'), 'latin1');
    expect(await judge(changed)).toBe('csr-bad-signature');
  });

  it('is never accepted, and never throws, when any one byte of it is another', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: good.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const changed = Buffer.from(good);
        changed[at] = (changed[at] ?? 0) ^ change;
        expect(await judge(changed)).toMatch(/^csr-/);
      }),
      { numRuns: 500 },
    );
  });

  it('is unreadable, never a crash, when it is arbitrary text or bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.uint8Array({ maxLength: 300 })), (garbage) => {
        expect(parseCsr(garbage)).toMatchObject({ code: 'csr-unreadable' });
      }),
    );
  });

  it.each([
    ['of another label', (der: Buffer) => writePem('CERTIFICATE', der)],
    ['twice', (der: Buffer) => writePem('CERTIFICATE REQUEST', der).repeat(2)],
    ['cut short', (der: Buffer) => writePem('CERTIFICATE REQUEST', der).slice(0, -40)],
    ['with bytes behind it', (der: Buffer) => Buffer.concat([der, Buffer.from('00', 'hex')])],
    ['of 20 kB', (der: Buffer) => Buffer.concat([der, Buffer.alloc(20_000)])],
  ])('%s is unreadable', async (_what, spoil) => {
    expect(await judge(spoil(good))).toBe('csr-unreadable');
  });

  it('with a point that is not on its curve is refused', async () => {
    const csr = ok(parseCsr(good));
    const off = Buffer.from(csr.keyInfo.bits);
    off[40] = (off[40] ?? 0) ^ 1;
    const forged = good.toString('hex').replace(csr.keyInfo.bits.toString('hex'), off.toString('hex'));
    expect(await judge(Buffer.from(forged, 'hex'))).toBe('csr-unsupported');
  });

  it('signed with SHA-1 or another algorithm than its key is refused', async () => {
    const { publicKey, privateKey } = await makeKeyPair('ecdsa-p256');
    const spki = parseDer(publicKey.export({ type: 'spki', format: 'der' }));
    const info = sequence(smallInteger(0), distinguishedName({}), spki, explicit(0));
    const sha1 = sequence(objectId('1.2.840.10045.4.1'));
    const signature = bitString(sign('sha1', encodeDer(info), privateKey));
    expect(await judge(encodeDer(sequence(info, sha1, signature)))).toBe('csr-unsupported');
    const rsa = sequence(objectId('1.2.840.113549.1.1.11'));
    expect(await judge(encodeDer(sequence(info, rsa, signature)))).toBe('csr-unsupported');
  });

  it('keeps the public key unchanged', async () => {
    const key = await makeKeyPair('ecdsa-p384');
    const csr = ok(parseCsr(await makeCsrDer({ type: 'ecdsa-p384', key })));
    expect(encodeDer(csr.publicKey)).toEqual(key.publicKey.export({ type: 'spki', format: 'der' }));
    const [info] = sequenceOf(parseDer(await makeCsrDer({ type: 'ecdsa-p384', key })), 'it');
    expect(info === undefined ? undefined : encodeDer(info)).toEqual(csr.signedBytes);
  });

  it('with an RSA exponent of one is refused', async () => {
    const { publicKey, privateKey } = await makeKeyPair('rsa-2048');
    const jwk = publicKey.export({ format: 'jwk' });
    const weak = createPublicKey({ key: { ...jwk, e: 'AQ' }, format: 'jwk' });
    const csr = await makeCsrDer({ type: 'rsa-2048', key: { publicKey: weak, privateKey } });
    expect(await judge(csr)).toBe('csr-weak-key');
  });
});
