import { beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../ca/clock.ts';
import { Issuer } from '../../../ca/issuer.ts';
import { makeIntermediate } from '../../../ca/make-authority.ts';
import { parseCertificate } from '../../../ca/parsed-certificate.ts';
import { readPem } from '../../../ca/pem.ts';
import { verifyChain } from '../../../ca/verify-chain.ts';
import { makeAuthority, materialOfRoot, ok, type TestAuthority } from '../../support/certificate-authority.ts';
import { makeCsr, makeKeyPair } from '../../support/make-csr.ts';

const identity = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'sleep' };
const dayMs = 24 * 3600 * 1000;

function derOf(pem: string | undefined): Buffer {
  const [block] = ok(readPem(pem ?? '', 'a test'));
  if (block === undefined) throw new Error('no PEM block');
  return block.der;
}

async function issueLeaf(material: TestAuthority['material']): Promise<Buffer> {
  const issuer = new Issuer({ material, clock: systemClock });
  const { chain } = ok(await issuer.issue({ csr: await makeCsr({ type: 'ecdsa-p256' }), identity }));
  return derOf(chain[0]);
}

describe("verifying a peer's chain", () => {
  let mine: TestAuthority;
  let sibling: TestAuthority;
  let stranger: TestAuthority;
  let leaf: Buffer;
  const nowMs = Date.now();

  beforeAll(async () => {
    mine = await makeAuthority();
    sibling = await makeAuthority({ root: mine.root, clusterId: 'cluster-2' });
    stranger = await makeAuthority();
    leaf = await issueLeaf(mine.material);
  });

  it('leads a leaf over its intermediate to the root', () => {
    const path = ok(verifyChain(leaf, [mine.material.certificate.der], mine.material.roots, nowMs));
    expect(path.map(({ fingerprint }) => fingerprint).slice(1)).toEqual([
      mine.material.certificate.fingerprint,
      ...mine.material.rootFingerprints,
    ]);
  });

  it("trusts the leaf of another instance's intermediate under the same root, in any order of the others", async () => {
    const foreign = await issueLeaf(sibling.material);
    const between = [mine.material.certificate.der, sibling.material.certificate.der];
    expect(ok(verifyChain(foreign, between, mine.material.roots, nowMs))).toHaveLength(3);
  });

  it('trusts either of several roots while a root is being changed', async () => {
    const roots = [...stranger.material.roots, ...mine.material.roots];
    expect(ok(verifyChain(leaf, [mine.material.certificate.der], roots, nowMs))).toHaveLength(3);
  });

  it('does not trust a leaf under another root, though all names are equal', () => {
    const between = [mine.material.certificate.der, stranger.material.certificate.der];
    expect(verifyChain(leaf, between, stranger.material.roots, nowMs)).toMatchObject({ code: 'chain-untrusted' });
  });

  it('does not trust a leaf that names our intermediate, key identifier and all, but was signed by another key', async () => {
    const forged = await issueLeaf({ ...mine.material, key: stranger.material.key });
    const result = verifyChain(forged, [mine.material.certificate.der], mine.material.roots, nowMs);
    expect(result).toMatchObject({ code: 'chain-untrusted' });
  });

  it('does not trust a leaf whose intermediate is missing', () => {
    expect(verifyChain(leaf, [], mine.material.roots, nowMs)).toMatchObject({ code: 'chain-untrusted' });
  });

  it('does not trust a leaf before or after its time, and says when that is', () => {
    const chain = [mine.material.certificate.der];
    expect(verifyChain(leaf, chain, mine.material.roots, nowMs + 2 * dayMs)).toMatchObject({ code: 'expired' });
    expect(verifyChain(leaf, chain, mine.material.roots, nowMs - dayMs)).toMatchObject({ code: 'not-yet-valid' });
  });

  it('does not trust what a leaf signed', async () => {
    const key = await makeKeyPair('ecdsa-p256');
    const issuer = new Issuer({ material: mine.material, clock: systemClock });
    const { chain } = ok(await issuer.issue({ csr: await makeCsr({ type: 'ecdsa-p256', key }), identity }));
    const workload = ok(parseCertificate(derOf(chain[0]), 'a test'));
    const forged = await issueLeaf({ ...mine.material, certificate: workload, key: key.privateKey });
    const between = [workload.der, mine.material.certificate.der];
    expect(verifyChain(forged, between, mine.material.roots, nowMs)).toMatchObject({ code: 'chain-untrusted' });
  });

  it('does not trust an intermediate below one that may have none', async () => {
    const files = await makeIntermediate({
      trustDomain: 'cluster.local',
      keyType: 'ecdsa-p256',
      ttlMs: dayMs,
      nowMs,
      clusterId: 'too-deep',
      root: mine.material,
    });
    // Signs as if its certificate were a root.
    const tooDeep = materialOfRoot({ certificatePem: files['ca-cert.pem'], keyPem: files['ca-key.pem'] });
    const deepLeaf = await issueLeaf(tooDeep);
    const between = [derOf(files['ca-cert.pem']), mine.material.certificate.der];
    const result = verifyChain(deepLeaf, between, mine.material.roots, nowMs);
    expect(result).toMatchObject({ code: 'chain-untrusted' });
    expect(result).toMatchObject({ message: expect.stringContaining('may not have 1 authorities below it') });
  });

  it("does not take an authority's certificate for a workload's", () => {
    const result = verifyChain(mine.material.certificate.der, [], mine.material.roots, nowMs);
    expect(result).toMatchObject({ code: 'chain-untrusted' });
  });

  it('refuses garbage and chains without end', () => {
    expect(verifyChain(Buffer.from('x'), [], mine.material.roots, nowMs)).toMatchObject({
      code: 'certificate-unreadable',
    });
    const long = Array.from({ length: 50 }, () => mine.material.certificate.der);
    expect(verifyChain(leaf, long, mine.material.roots, nowMs)).toMatchObject({ code: 'chain-untrusted' });
  });
});
