// Certificates as openssl, which shares no code with our ASN.1, reads and verifies them.
import { createPublicKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../ca/clock.ts';
import { Issuer } from '../../../ca/issuer.ts';
import type { KeyType } from '../../../ca/make-authority.ts';
import { makeAuthority, ok, type TestAuthority } from '../../support/certificate-authority.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { makeCsr, makeKeyPair, type CsrKeyType } from '../../support/make-csr.ts';
import { Openssl } from '../../support/openssl.ts';

const identity = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'sleep' };
const uri = 'spiffe://cluster.local/ns/default/sa/sleep';
const hourMs = 3600 * 1000;

/** Lets openssl verify a chain as a client and a server of TLS would; what it prints. */
async function verifyWithOpenssl(openssl: Openssl, chain: readonly string[]): Promise<string> {
  await openssl.write({
    'leaf.pem': chain[0] ?? '',
    'between.pem': chain.slice(1, -1).join('') || (chain.at(-1) ?? ''),
    'roots.pem': chain.at(-1) ?? '',
  });
  const files = ['-CAfile', 'roots.pem', '-untrusted', 'between.pem', 'leaf.pem'];
  const strict = ['verify', '-x509_strict', '-check_ss_sig'];
  const asClient = await openssl.run(...strict, '-purpose', 'sslclient', ...files);
  const asServer = await openssl.run(...strict, '-purpose', 'sslserver', ...files);
  return asClient + asServer;
}

/** A key identifier in openssl's text of a certificate. */
function keyId(text: string, name: 'Authority' | 'Subject'): string | undefined {
  return new RegExp(`${name} Key Identifier: \\n *([0-9A-F:]{59})`).exec(text)?.[1];
}

describe('certificates, as openssl sees them', () => {
  let openssl: Openssl;
  let authority: TestAuthority;

  beforeAll(async () => {
    openssl = await Openssl.create();
    authority = await makeAuthority();
  });
  afterAll(async () => {
    await openssl[Symbol.asyncDispose]();
  });

  it.each<[CsrKeyType, KeyType]>([
    ['ecdsa-p256', 'ecdsa-p256'],
    ['ecdsa-p384', 'ecdsa-p256'],
    ['rsa-2048', 'ecdsa-p256'],
    ['ecdsa-p256', 'ecdsa-p384'],
    ['ecdsa-p256', 'rsa-2048'],
    ['rsa-2048', 'rsa-2048'],
  ])('verify for a request of %s under an authority of %s', async (type, keyType) => {
    const { material } = keyType === 'ecdsa-p256' ? authority : await makeAuthority({ keyType });
    const issuer = new Issuer({ material, clock: systemClock });
    const key = await makeKeyPair(type);
    const { chain } = ok(await issuer.issue({ csr: await makeCsr({ type, key }), identity }));
    expect(await verifyWithOpenssl(openssl, chain)).toBe('leaf.pem: OK\n'.repeat(2));
    const leaf = new X509Certificate(chain[0] ?? '');
    expect(leaf.checkPrivateKey(key.privateKey)).toBe(true);
  });

  it.each([
    ['RSA 2048', ['-newkey', 'rsa:2048']],
    ['RSA 4096 with SHA-512', ['-newkey', 'rsa:4096', '-sha512']],
    ['P-256', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']],
    ['P-384 with SHA-384', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha384']],
  ])('are made from requests of openssl itself: %s', async (_what, newKey) => {
    const subject = ['-subj', '/O=somebody/CN=some.where', '-addext', 'subjectAltName=DNS:some.where'];
    await openssl.run('req', '-new', '-nodes', ...newKey, ...subject, '-keyout', 'key.pem', '-out', 'request.pem');
    const issuer = new Issuer({ material: authority.material, clock: systemClock });
    const csr = await readFile(join(openssl.dir, 'request.pem'), 'utf8');
    const { chain } = ok(await issuer.issue({ csr, identity }));
    expect(await verifyWithOpenssl(openssl, chain)).toBe('leaf.pem: OK\n'.repeat(2));
    const mine = await openssl.run('pkey', '-in', 'key.pem', '-pubout');
    expect(await openssl.run('x509', '-in', 'leaf.pem', '-noout', '-pubkey')).toBe(mine);
  });

  it('of workloads say exactly what a SPIFFE certificate must, and nothing that the request asked for', async () => {
    const issuer = new Issuer({ material: authority.material, clock: systemClock });
    const csr = await makeCsr({ type: 'ecdsa-p256', claimedUri: 'spiffe://cluster.local/ns/kube-system/sa/admin' });
    const { chain, serialNumber } = ok(await issuer.issue({ csr, identity }));
    await openssl.write({ 'leaf.pem': chain[0] ?? '', 'ca.pem': authority.files['ca-cert.pem'] });
    const text = await openssl.run('x509', '-in', 'leaf.pem', '-noout', '-text');
    expect(text).toContain('Version: 3 (0x2)');
    expect(text).toMatch(/Subject: *\n/);
    expect(text).toContain('Issuer: O = cluster.local, CN = Isthmus intermediate cluster-1');
    expect(text).toContain(`X509v3 Subject Alternative Name: critical\n                URI:${uri}\n`);
    expect(text).toContain('X509v3 Key Usage: critical\n                Digital Signature, Key Encipherment\n');
    expect(text).toContain('TLS Web Server Authentication, TLS Web Client Authentication\n');
    expect(text).toContain('X509v3 Basic Constraints: critical\n                CA:FALSE\n');
    expect(text).not.toContain('admin');
    const issuerText = await openssl.run('x509', '-in', 'ca.pem', '-noout', '-text');
    expect(keyId(text, 'Authority')).toBe(keyId(issuerText, 'Subject'));
    expect(keyId(text, 'Subject')).toMatch(/^[0-9A-F:]{59}$/);
    const serial = await openssl.run('x509', '-in', 'leaf.pem', '-noout', '-serial');
    expect(BigInt(`0x${serial.trim().slice('serial='.length)}`)).toBe(BigInt(`0x${serialNumber}`));
    expect(serialNumber).toMatch(/^[0-9a-f]{32}$/);
  });

  it('begin two minutes ago and live a day, or as long as was asked, at most as allowed', async () => {
    const clock = new FakeClock();
    const { material } = await makeAuthority({ nowMs: clock.now() });
    const issuer = new Issuer({ material, clock, maxTtlMs: 48 * hourMs });
    const csr = await makeCsr({ type: 'ecdsa-p256' });
    const lifeMs = async (ttlMs: number) => ok(await issuer.issue({ csr, identity, ttlMs })).notAfterMs - clock.now();
    expect(await lifeMs(0)).toBe(24 * hourMs);
    expect(await lifeMs(-5)).toBe(24 * hourMs);
    expect(await lifeMs(hourMs)).toBe(hourMs);
    expect(await lifeMs(1000 * hourMs)).toBe(48 * hourMs);
    const issued = ok(await issuer.issue({ csr, identity }));
    const leaf = new X509Certificate(issued.chain[0] ?? '');
    expect(Date.parse(leaf.validFrom)).toBe(clock.now() - 120_000);
    expect(Date.parse(leaf.validTo)).toBe(issued.notAfterMs);
  });

  it('never outlive their authority, which signs nothing once it has expired', async () => {
    const clock = new FakeClock();
    const { material } = await makeAuthority({ nowMs: clock.now(), ttlMs: 2 * hourMs });
    const issuer = new Issuer({ material, clock });
    const csr = await makeCsr({ type: 'ecdsa-p256' });
    expect(ok(await issuer.issue({ csr, identity })).notAfterMs).toBe(material.notAfterMs);
    clock.advance(2 * hourMs);
    expect(await issuer.issue({ csr, identity })).toMatchObject({ code: 'ca-expired' });
  });

  it('come as a chain: leaf, intermediate, and all roots in one element, each ending with a newline', async () => {
    const issuer = new Issuer({ material: authority.material, clock: systemClock });
    const other = await makeAuthority();
    const roots = authority.material.rootsPem + other.material.rootsPem;
    issuer.replace({ ...authority.material, rootsPem: roots });
    const { chain } = ok(await issuer.issue({ csr: await makeCsr({ type: 'ecdsa-p256' }), identity }));
    expect(chain).toHaveLength(3);
    expect(chain.map((element) => element.split('BEGIN CERTIFICATE').length - 1)).toEqual([1, 1, 2]);
    expect(chain.every((element) => element.endsWith('-----\n'))).toBe(true);
    expect(chain.slice(1)).toEqual([authority.files['ca-cert.pem'], roots]);
  });

  it('come wholly from the old or the new authority while it is swapped under load', async () => {
    const next = await makeAuthority();
    const issuer = new Issuer({ material: authority.material, clock: systemClock });
    const csr = await makeCsr({ type: 'ecdsa-p256' });
    const pending = Array.from({ length: 40 }, () => issuer.issue({ csr, identity }));
    await pending[10];
    issuer.replace(next.material);
    const signers = new Set<string>();
    for (const issued of await Promise.all(pending)) {
      const [leaf = '', intermediate = '', root = ''] = ok(issued).chain;
      const between = new X509Certificate(intermediate);
      expect(new X509Certificate(leaf).verify(between.publicKey)).toBe(true);
      expect(between.verify(new X509Certificate(root).publicKey)).toBe(true);
      signers.add(intermediate);
    }
    expect(signers).toEqual(new Set([authority.files['ca-cert.pem'], next.files['ca-cert.pem']]));
  });

  it('of servers verify for each of their names and no other', async () => {
    const issuer = new Issuer({ material: authority.material, clock: systemClock });
    const names = ['istiod.istio-system.svc', 'istio-pilot.istio-system.svc'];
    const { chain, keyPem } = ok(await issuer.issueServerCertificate(names));
    expect(await verifyWithOpenssl(openssl, chain)).toBe('leaf.pem: OK\n'.repeat(2));
    const leaf = new X509Certificate(chain[0] ?? '');
    expect(names.map((name) => leaf.checkHost(name))).toEqual(names);
    expect(leaf.checkHost('istiod.other.svc')).toBeUndefined();
    expect(createPublicKey(keyPem).equals(leaf.publicKey)).toBe(true);
  });

  it('under a self-signed root come as leaf and root', async () => {
    const issuer = new Issuer({ material: authority.rootMaterial, clock: systemClock });
    const { chain } = ok(await issuer.issue({ csr: await makeCsr({ type: 'ecdsa-p256' }), identity }));
    expect(chain).toHaveLength(2);
    expect(await verifyWithOpenssl(openssl, chain)).toBe('leaf.pem: OK\n'.repeat(2));
  });

  it('are refused beyond the bound of the queue, and all others are made', async () => {
    const issuer = new Issuer({ material: authority.material, clock: systemClock, maxInFlight: 2, maxWaiting: 3 });
    const csr = await makeCsr({ type: 'ecdsa-p256' });
    const results = await Promise.all(Array.from({ length: 9 }, () => issuer.issue({ csr, identity })));
    const codes = results.map((result) => ('code' in result ? result.code : 'issued'));
    expect(codes.toSorted()).toEqual([...Array<string>(5).fill('issued'), ...Array<string>(4).fill('overloaded')]);
    expect(issuer.load).toEqual({ inFlight: 0, waiting: 0, refused: 4 });
  });
});
