import { beforeAll, describe, expect, it } from 'vitest';
import { byClientCertificate } from '../../../ca/authenticate-certificate.ts';
import { byKnownToken, tokenTable } from '../../../ca/authenticate-token.ts';
import { inOrder, type Authenticator } from '../../../ca/authenticate.ts';
import { CaError } from '../../../ca/ca-error.ts';
import { systemClock } from '../../../ca/clock.ts';
import { Issuer } from '../../../ca/issuer.ts';
import { readPem } from '../../../ca/pem.ts';
import { failure, makeAuthority, ok, type TestAuthority } from '../../support/certificate-authority.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { makeCsr } from '../../support/make-csr.ts';

const sleep = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'sleep' };

describe('a token of the directory', () => {
  const lookup = tokenTable([
    { token: 'token-of-sleep', namespace: 'default', serviceAccount: 'sleep' },
    { token: 'token-of-hello', namespace: 'default', serviceAccount: 'hello' },
  ]);
  const tokens = byKnownToken({ lookup, trustDomain: 'cluster.local', clusterId: 'cluster-1' });

  it('proves the service account that it belongs to', async () => {
    expect(await tokens.authenticate({ token: 'token-of-sleep' })).toEqual(sleep);
    expect(await tokens.authenticate({ token: 'token-of-hello' })).toEqual({ ...sleep, serviceAccount: 'hello' });
  });

  it('proves it also when the caller names the cluster of this instance', async () => {
    expect(await tokens.authenticate({ token: 'token-of-sleep', clusterId: 'cluster-1' })).toEqual(sleep);
    expect(await tokens.authenticate({ token: 'token-of-sleep', clusterId: '' })).toEqual(sleep);
  });

  it('is refused with a sentence when it is presented for another cluster', async () => {
    const error = failure(await tokens.authenticate({ token: 'token-of-sleep', clusterId: 'cluster-2' }));
    expect(error.code).toBe('credential-refused');
    expect(error.message).toContain('"cluster-2"');
    expect(error.message).toContain('"cluster-1"');
  });

  it('is refused when nobody has it, without saying it again', async () => {
    for (const token of ['token-of-slee', 'token-of-sleepp', 'x'.repeat(100_000)]) {
      const error = failure(await tokens.authenticate({ token }));
      expect(error.code).toBe('credential-refused');
      expect(error.message).not.toContain(token);
    }
  });

  it('is no credential when it is not there', async () => {
    expect(await tokens.authenticate({})).toMatchObject({ code: 'no-credential' });
    expect(await tokens.authenticate({ token: '' })).toMatchObject({ code: 'no-credential' });
  });

  it('proves nothing when its account is no name of Kubernetes', async () => {
    const odd = tokenTable([{ token: 't', namespace: 'a/sa/b', serviceAccount: 'c' }]);
    const authenticator = byKnownToken({ lookup: odd, trustDomain: 'cluster.local', clusterId: 'c' });
    expect(await authenticator.authenticate({ token: 't' })).toMatchObject({ code: 'credential-refused' });
  });
});

async function certificateFrom(from: TestAuthority, identity = sleep): Promise<Buffer> {
  const issuer = new Issuer({ material: from.material, clock: systemClock });
  const issued = ok(await issuer.issue({ csr: await makeCsr({ type: 'ecdsa-p256' }), identity }));
  const [block] = ok(readPem(issued.chain[0] ?? '', 'a test'));
  return block?.der ?? Buffer.alloc(0);
}

function under(of: TestAuthority, clock = systemClock): Authenticator {
  return byClientCertificate({ material: () => of.material, trustDomains: ['cluster.local'], clock });
}

describe('a client certificate', () => {
  let authority: TestAuthority;
  let stranger: TestAuthority;

  beforeAll(async () => {
    authority = await makeAuthority();
    stranger = await makeAuthority();
  });

  it('proves its SPIFFE id', async () => {
    const der = await certificateFrom(authority);
    expect(await under(authority).authenticate({ clientCertificate: { der, verified: false } })).toEqual(sleep);
    expect(await under(authority).authenticate({ clientCertificate: { der, verified: true } })).toEqual(sleep);
  });

  it('proves it under the intermediate of another instance, which it brings along', async () => {
    const other = await makeAuthority({ root: authority.root, clusterId: 'cluster-2' });
    const clientCertificate = {
      der: await certificateFrom(other),
      intermediates: [other.material.certificate.der],
      verified: false,
    };
    expect(await under(authority).authenticate({ clientCertificate })).toEqual(sleep);
  });

  it('is refused under another root, in another trust domain, and after its time', async () => {
    const foreign = { der: await certificateFrom(stranger), verified: false };
    expect(await under(authority).authenticate({ clientCertificate: foreign })).toMatchObject({
      code: 'credential-refused',
    });
    const elsewhere = { der: await certificateFrom(authority, { ...sleep, trustDomain: 'other' }), verified: true };
    expect(await under(authority).authenticate({ clientCertificate: elsewhere })).toMatchObject({
      message: 'The trust domain "other" is not one of this mesh.',
    });
    const late = new FakeClock(Date.now() + 25 * 3600 * 1000);
    const old = { der: await certificateFrom(authority), verified: true };
    expect(await under(authority, late).authenticate({ clientCertificate: old })).toMatchObject({
      message: expect.stringContaining('has expired'),
    });
  });

  it('is refused when it names no workload', async () => {
    const issuer = new Issuer({ material: authority.material, clock: systemClock });
    const issued = ok(await issuer.issueServerCertificate(['istiod.istio-system.svc']));
    const [block] = ok(readPem(issued.chain[0] ?? '', 'a test'));
    const clientCertificate = { der: block?.der ?? Buffer.alloc(0), verified: true };
    expect(await under(authority).authenticate({ clientCertificate })).toMatchObject({ code: 'credential-refused' });
  });
});

describe('several ways in order', () => {
  const none: Authenticator = { authenticate: () => Promise.resolve(new CaError('no-credential', 'none')) };
  const refused: Authenticator = { authenticate: () => Promise.resolve(new CaError('credential-refused', 'no')) };
  const broken: Authenticator = { authenticate: () => Promise.resolve(new CaError('authentication-failed', 'down')) };
  const good: Authenticator = { authenticate: () => Promise.resolve(sleep) };

  it('take the first identity, whatever failed before', async () => {
    expect(await inOrder([none, refused, good]).authenticate({})).toEqual(sleep);
  });

  it('tell the first failure that says more than that there was nothing', async () => {
    expect(await inOrder([none, refused, broken, none]).authenticate({})).toMatchObject({ message: 'no' });
    expect(await inOrder([none, none]).authenticate({})).toMatchObject({ code: 'no-credential' });
    expect(await inOrder([]).authenticate({})).toMatchObject({ code: 'no-credential' });
  });
});
