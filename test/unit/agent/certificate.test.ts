// Requests that others accept, and certificates that are checked before they are used.

import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { certificateRequest } from '../../../agent/identity/certificate-request.ts';
import { readCertificateFile, writeCertificateFile } from '../../../agent/identity/certificate-file.ts';
import { joinRoots, workloadCertificate } from '../../../agent/identity/workload-certificate.ts';
import { systemClock } from '../../../ca/clock.ts';
import { checkCsrSignature, parseCsr } from '../../../ca/csr.ts';
import { Issuer } from '../../../ca/issuer.ts';
import { makeKey } from '../../../ca/make-authority.ts';
import type { NewKey } from '../../../ca/make-authority.ts';
import { makeAuthority, ok } from '../../support/certificate-authority.ts';
import type { TestAuthority } from '../../support/certificate-authority.ts';
import { Openssl } from '../../support/openssl.ts';

const who = { trustDomain: 'cluster.local', namespace: 'sample', serviceAccount: 'sleep' };
const spiffeId = 'spiffe://cluster.local/ns/sample/sa/sleep';

let authority: TestAuthority;
let key: NewKey;
let certChain: readonly string[];
let trustedRootsPem: string;

beforeAll(async () => {
  authority = await makeAuthority();
  key = await makeKey('ecdsa-p256');
  const issuer = new Issuer({ material: authority.material, clock: systemClock });
  const csr = await certificateRequest(key, spiffeId);
  certChain = ok(await issuer.issue({ csr, identity: who, ttlMs: 3_600_000 })).chain;
  trustedRootsPem = authority.root.certificatePem;
});

test('a signing request is signed by its key and asks for the SPIFFE id', async () => {
  const csr = await certificateRequest(key, spiffeId);
  expect(await checkCsrSignature(ok(parseCsr(csr)))).toBeUndefined();

  await using openssl = await Openssl.create();
  await openssl.write({ 'csr.pem': csr });
  const shown = await openssl.run('req', '-in', 'csr.pem', '-noout', '-text', '-verify');
  expect(shown).toContain(`URI:${spiffeId}`);
  expect(shown).toMatch(/X509v3 Subject Alternative Name: critical/);
});

test('an answer that leads from the key to a trusted root becomes a certificate without its root', () => {
  const made = workloadCertificate({ keyPem: key.privatePem, certChain, trustedRootsPem, nowMs: Date.now() });
  expect(made).toMatchObject({ spiffeId, keyPem: key.privatePem, rootsPem: trustedRootsPem });
  expect(made.chainPem.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  expect(made.chainPem).not.toContain(trustedRootsPem);
});

test('an answer for another key is refused', async () => {
  const other = await makeKey('ecdsa-p256');
  const parts = { keyPem: other.privatePem, certChain, trustedRootsPem, nowMs: Date.now() };
  expect(() => workloadCertificate(parts)).toThrow('not for the key');
});

test('an answer that is over, or without a chain, is refused', () => {
  const parts = { keyPem: key.privatePem, certChain, trustedRootsPem, nowMs: Date.now() };
  expect(() => workloadCertificate({ ...parts, nowMs: Date.now() + 7_200_000 })).toThrow('expired');
  expect(() => workloadCertificate({ ...parts, certChain: certChain.slice(0, 1) })).toThrow('no chain');
});

test('roots from several places are joined, each once', async () => {
  const other = (await makeAuthority()).root.certificatePem;
  const joined = joinRoots([trustedRootsPem, '', trustedRootsPem + other]);
  expect(joined).toBe(trustedRootsPem + other);
});

test('key and certificate are kept in one file that only the owner reads, and come back together', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-keys-'));
  try {
    const made = workloadCertificate({ keyPem: key.privatePem, certChain, trustedRootsPem, nowMs: Date.now() });
    await writeCertificateFile(directory, made);

    expect(await readdir(directory)).toEqual(['workload.pem']);
    expect((await stat(join(directory, 'workload.pem'))).mode & 0o777).toBe(0o600);
    const question = { directory, trustedRootsPem, spiffeId, nowMs: Date.now() };
    expect(await readCertificateFile(question)).toEqual(made);

    expect(await readCertificateFile({ ...question, spiffeId: `${spiffeId}2` })).toBeUndefined();
    expect(await readCertificateFile({ ...question, nowMs: made.notAfterMs + 1000 })).toBeUndefined();
    const otherRoot = (await makeAuthority()).root.certificatePem;
    expect(await readCertificateFile({ ...question, trustedRootsPem: otherRoot })).toBeUndefined();
    await writeFile(join(directory, 'workload.pem'), 'garbage');
    expect(await readCertificateFile(question)).toBeUndefined();
  } finally {
    await rm(directory, { recursive: true });
  }
});
