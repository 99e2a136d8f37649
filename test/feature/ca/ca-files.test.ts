import { mkdir, mkdtemp, readdir, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadCaFiles } from '../../../ca/ca-files.ts';
import { caFileNames, type CaFileName } from '../../../ca/ca-material.ts';
import { systemClock } from '../../../ca/clock.ts';
import { Issuer } from '../../../ca/issuer.ts';
import { makeIntermediate, makeRoot } from '../../../ca/make-authority.ts';
import { loadOrCreateSelfSigned, type SelfSignedOptions } from '../../../ca/self-signed.ts';
import { failure, makeAuthority, materialOfRoot, ok, type TestAuthority } from '../../support/certificate-authority.ts';
import { makeCsr, makeKeyPair } from '../../support/make-csr.ts';

const dayMs = 24 * 3600 * 1000;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-ca-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

describe('the files of an authority', () => {
  let good: TestAuthority;
  let other: TestAuthority;
  beforeAll(async () => {
    good = await makeAuthority();
    other = await makeAuthority();
  });

  /** Writes the good files with some replaced, and loads them. */
  async function load(replaced: Partial<Record<CaFileName, string>> = {}, nowMs = Date.now()) {
    const files = { ...good.files, ...replaced };
    await Promise.all(caFileNames.map((name) => writeFile(join(dir, name), files[name])));
    return loadCaFiles(dir, nowMs);
  }

  it('load as they were written', async () => {
    const material = ok(await load());
    expect(material.certificate.fingerprint).toBe(good.material.certificate.fingerprint);
    expect(material.intermediatesPem).toEqual([good.files['ca-cert.pem']]);
    expect(material.rootFingerprints).toEqual(good.material.rootFingerprints);
    expect(material.rootFingerprints[0]).toMatch(/^[0-9a-f]{64}$/);
  });

  it('may trust several roots, whose fingerprints are told in an order of their own', async () => {
    const ab = ok(await load({ 'root-cert.pem': good.files['root-cert.pem'] + other.files['root-cert.pem'] }));
    const ba = ok(await load({ 'root-cert.pem': other.files['root-cert.pem'] + good.files['root-cert.pem'] }));
    expect(ab.rootFingerprints).toHaveLength(2);
    expect(ab.rootFingerprints).toEqual(ba.rootFingerprints);
  });

  it('may have a chain without the root, or a root that signs itself', async () => {
    expect(ok(await load({ 'cert-chain.pem': good.files['ca-cert.pem'] })).intermediatesPem).toHaveLength(1);
    const { certificatePem, keyPem } = good.root;
    const files = { 'ca-cert.pem': certificatePem, 'ca-key.pem': keyPem, 'cert-chain.pem': certificatePem };
    expect(ok(await load(files)).intermediatesPem).toEqual([]);
  });

  it.each(caFileNames)('are refused with the name of the missing one: %s', async (name) => {
    await load();
    await unlink(join(dir, name));
    const error = failure(await loadCaFiles(dir, Date.now()));
    expect(error.code).toBe('file-missing');
    expect(error.message).toBe(
      `${join(dir, name)} is missing: run \`isthmus ca issue\`, or name another directory with --ca-dir.`,
    );
  });

  it.each(caFileNames)('are refused when one is no PEM: %s', async (name) => {
    const error = failure(await load({ [name]: 'hello\n' }));
    expect(error.code).toBe('file-unreadable');
    expect(error.message).toContain(join(dir, name));
  });

  it.each(['ca-cert.pem', 'cert-chain.pem', 'root-cert.pem'] as const)(
    'are refused when one holds a broken certificate: %s',
    async (name) => {
      const pem = good.files[name].replace(/\n[A-Za-z0-9+/]{64}\n/, `\n${'A'.repeat(64)}\n`);
      const error = failure(await load({ [name]: pem }));
      expect(error.code).toBe('certificate-unreadable');
      expect(error.message).toContain(join(dir, name));
    },
  );

  it('are refused when the key belongs to another certificate', async () => {
    const error = failure(await load({ 'ca-key.pem': other.files['ca-key.pem'] }));
    expect(error.code).toBe('key-mismatch');
    expect(error.message).toContain(join(dir, 'ca-key.pem'));
    expect(error.message).toContain(join(dir, 'ca-cert.pem'));
  });

  it('are refused when the key is of a kind that is not supported', async () => {
    const { privateKey } = await makeKeyPair('ed25519');
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(failure(await load({ 'ca-key.pem': pem })).code).toBe('key-unsupported');
  });

  it('are refused when the chain does not lead to the root', async () => {
    const error = failure(await load({ 'root-cert.pem': other.files['root-cert.pem'] }));
    expect(error.code).toBe('chain-broken');
    expect(error.message).toContain(join(dir, 'root-cert.pem'));
    expect(error.message).toContain('put the whole chain in cert-chain.pem');
  });

  it('are refused when the certificate may not sign', async () => {
    const key = await makeKeyPair('ecdsa-p256');
    const issuer = new Issuer({ material: good.material, clock: systemClock });
    const identity = { trustDomain: 'cluster.local', namespace: 'a', serviceAccount: 'b' };
    const { chain } = ok(await issuer.issue({ csr: await makeCsr({ type: 'ecdsa-p256', key }), identity }));
    const error = failure(
      await load({
        'ca-cert.pem': chain[0] ?? '',
        'ca-key.pem': key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      }),
    );
    expect(error.code).toBe('not-a-ca');
    expect(error.message).toContain(join(dir, 'ca-cert.pem'));
  });

  it('are refused when the intermediate has expired, or is not valid yet', async () => {
    const late = failure(await load({}, Date.now() + 800 * dayMs));
    expect(late.code).toBe('expired');
    expect(late.message).toContain('Isthmus intermediate cluster-1');
    expect(late.message).toContain('isthmus ca issue');
    const early = failure(await load({}, Date.now() - dayMs));
    expect(early.code).toBe('not-yet-valid');
    expect(early.message).toContain("set this machine's clock");
  });

  it('are refused when only the root has expired', async () => {
    const nowMs = Date.now();
    const root = await makeRoot({ trustDomain: 'cluster.local', keyType: 'ecdsa-p256', ttlMs: dayMs, nowMs });
    // An intermediate that outlives its root, as other tools make it.
    const { files } = await makeAuthorityUnder(root, 10 * dayMs);
    const error = failure(await load(files, nowMs + 2 * dayMs));
    expect(error.code).toBe('expired');
    expect(error.message).toContain('Isthmus root');
  });

  it('are not disturbed by an expired root beside the one that counts', async () => {
    const nowMs = Date.now();
    const old = await makeRoot({ trustDomain: 'cluster.local', keyType: 'ecdsa-p256', ttlMs: dayMs, nowMs });
    const bundle = old.certificatePem + good.files['root-cert.pem'];
    expect(ok(await load({ 'root-cert.pem': bundle }, nowMs + 2 * dayMs)).roots).toHaveLength(2);
  });

  it('are refused in one sentence when one can not be read', async () => {
    await load();
    await unlink(join(dir, 'ca-key.pem'));
    // Permissions would not stop a test that runs as root; a folder does.
    await mkdir(join(dir, 'ca-key.pem'));
    const error = failure(await loadCaFiles(dir, Date.now()));
    expect(error.code).toBe('file-unreadable');
    expect(error.message).toBe(`${join(dir, 'ca-key.pem')} can't be read (EISDIR): check its permissions.`);
  });
});

/** An intermediate whose lifetime is not cut at its root's. */
async function makeAuthorityUnder(root: { certificatePem: string; keyPem: string }, ttlMs: number) {
  const nowMs = Date.now();
  const unbounded = { ...materialOfRoot(root, nowMs), notAfterMs: Number.MAX_SAFE_INTEGER };
  const common = { trustDomain: 'cluster.local', keyType: 'ecdsa-p256', nowMs } as const;
  return { files: await makeIntermediate({ ...common, ttlMs, clusterId: 'c', root: unbounded }) };
}

function options(): SelfSignedOptions {
  return { dir: join(dir, 'state'), trustDomain: 'cluster.local', nowMs: Date.now() };
}

describe('a self-signed root in the state directory', () => {
  it('is made once and found again', async () => {
    const first = ok(await loadOrCreateSelfSigned(options()));
    const second = ok(await loadOrCreateSelfSigned(options()));
    expect(second.rootFingerprints).toEqual(first.rootFingerprints);
    expect(first.certificate.x509.subject).toContain('cluster.local');
  });

  it('has a key that only its owner can read, and leaves nothing beside it', async () => {
    ok(await loadOrCreateSelfSigned(options()));
    const folder = join(dir, 'state', 'self-signed-ca');
    expect((await stat(join(folder, 'root-key.pem'))).mode & 0o777).toBe(0o600);
    expect(await readdir(join(dir, 'state'))).toEqual(['self-signed-ca']);
    expect((await readdir(folder)).toSorted()).toEqual(['root-cert.pem', 'root-key.pem']);
  });

  it('is one and the same for all that start at the same moment', async () => {
    const starters = Array.from({ length: 8 }, () => loadOrCreateSelfSigned(options()));
    const roots = (await Promise.all(starters)).map((material) => ok(material).rootFingerprints[0]);
    expect(new Set(roots).size).toBe(1);
    expect(await readdir(join(dir, 'state'))).toEqual(['self-signed-ca']);
  });

  it('is refused, not replaced, when it has expired or is broken', async () => {
    ok(await loadOrCreateSelfSigned(options()));
    const late = { ...options(), nowMs: Date.now() + 4000 * dayMs };
    expect(failure(await loadOrCreateSelfSigned(late)).code).toBe('expired');
    await writeFile(join(dir, 'state', 'self-signed-ca', 'root-key.pem'), 'x');
    expect(failure(await loadOrCreateSelfSigned(options())).code).toBe('file-unreadable');
  });
});
