// Whose a token is, asked of a real API server with exactly the rights of a primary.

import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { byKnownToken } from '../../../ca/authenticate-token.ts';
import { CaError } from '../../../ca/ca-error.ts';
import { systemClock } from '../../../ca/clock.ts';
import { Issuer } from '../../../ca/issuer.ts';
import { authenticators } from '../../../server/authenticators.ts';
import { clusterId } from '../../../discovery/model/names.ts';
import type { PrimaryClient } from '../../../server/kube/primary-client.ts';
import { reviewTokens } from '../../../server/kube/review-token.ts';
import { failure, makeAuthority } from '../../support/certificate-authority.ts';
import {
  asPrimary,
  namespaceObject,
  primaryClient,
  serviceAccountObject,
  signToken,
} from '../../support/kube-primary.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { runOrThrow } from '../../support/process.ts';
import { waitFor } from '../../support/wait-for.ts';

const signal = new AbortController().signal;
const sleep = { trustDomain: 'cluster.local', namespace: 'sample', serviceAccount: 'sleep' };

let cluster: KubeCluster;
let client: PrimaryClient;

beforeAll(async () => {
  cluster = await startKubeCluster();
  client = primaryClient(await asPrimary(cluster));
  await cluster.api.apply(namespaceObject('sample'), serviceAccountObject('sample', 'sleep'));
}, 900_000);

afterAll(async () => {
  client.close();
  await cluster.stop();
});

const authenticator = (of = client) =>
  byKnownToken({ lookup: reviewTokens(of, signal), trustDomain: 'cluster.local', clusterId: 'cluster-1' });

/** Claims as the API server writes them, for the account as it is now. */
async function claimsOf(serviceAccount: string, validSeconds: number): Promise<Readonly<Record<string, unknown>>> {
  const account = await cluster.api.get(`/api/v1/namespaces/sample/serviceaccounts/${serviceAccount}`);
  const { uid } = (account as { readonly metadata: { readonly uid: string } }).metadata;
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: 'https://kubernetes.default.svc',
    sub: `system:serviceaccount:sample:${serviceAccount}`,
    aud: ['istio-ca'],
    iat: now - 3600,
    nbf: now - 3600,
    exp: now + validSeconds,
    'kubernetes.io': { namespace: 'sample', serviceaccount: { name: serviceAccount, uid } },
  };
}

/** A client whose API server answers nothing. */
async function deadClient(): Promise<PrimaryClient> {
  const path = cluster.file('dead.kubeconfig');
  const text = await cluster.kubeconfigFor({ token: 'any' });
  await writeFile(path, text.replaceAll(cluster.server, 'https://127.0.0.1:1'));
  const dead = primaryClient(path);
  onTestFinished(() => dead.close());
  return dead;
}

describe('a token', () => {
  it('with the audience istio-ca proves the service account that it was made for', async () => {
    const token = await cluster.api.tokenFor('sample', 'sleep', 'istio-ca');
    expect(await authenticator().authenticate({ token })).toEqual(sleep);
    expect(await authenticator().authenticate({ token, clusterId: 'cluster-1' })).toEqual(sleep);
  });

  it('for another audience is refused', async () => {
    const token = await cluster.api.tokenFor('sample', 'sleep');
    expect(failure(await authenticator().authenticate({ token })).code).toBe('credential-refused');
  });

  it('that has expired is refused', async () => {
    const key = await readFile(cluster.file('sa.key'), 'utf8');
    const valid = signToken(key, await claimsOf('sleep', 600));
    expect(await authenticator().authenticate({ token: valid })).toEqual(sleep);
    // An API server allows clocks to differ by a minute.
    const expired = signToken(key, await claimsOf('sleep', -120));
    expect(failure(await authenticator().authenticate({ token: expired })).code).toBe('credential-refused');
  });

  it('of another cluster, signed with its key, is refused', async () => {
    const key = (await runOrThrow(['openssl', 'genrsa', '2048'])).stdout;
    const token = signToken(key, await claimsOf('sleep', 600));
    expect(failure(await authenticator().authenticate({ token })).code).toBe('credential-refused');
  });

  it('that is said to be of a remote is refused without asking anybody', async () => {
    const token = await cluster.api.tokenFor('sample', 'sleep', 'istio-ca');
    const refusal = failure(await authenticator(await deadClient()).authenticate({ token, clusterId: 'cluster-2' }));
    expect(refusal.code).toBe('credential-refused');
    expect(refusal.message).toContain('vouches for "cluster-1" only');
  });

  it('of a person who is not a service account is refused', async () => {
    const refusal = failure(await authenticator().authenticate({ token: 'admin-token' }));
    expect(refusal.code).toBe('credential-refused');
  });

  it('that is nonsense is refused', async () => {
    expect(failure(await authenticator().authenticate({ token: 'nonsense' })).code).toBe('credential-refused');
  });

  it('of a deleted account is refused', async () => {
    await cluster.api.apply(serviceAccountObject('sample', 'gone'));
    const token = await cluster.api.tokenFor('sample', 'gone', 'istio-ca');
    await cluster.api.delete(serviceAccountObject('sample', 'gone'));
    // An API server may believe in a deleted account for some seconds.
    await waitFor(
      () => authenticator().authenticate({ token }),
      (answer) => answer instanceof CaError,
      {
        what: 'the refusal',
        timeoutMs: 30_000,
      },
    );
    expect(failure(await authenticator().authenticate({ token })).code).toBe('credential-refused');
  });
});

describe('while the API server can not be asked', () => {
  it('a token is neither accepted nor refused', async () => {
    const result = failure(await authenticator(await deadClient()).authenticate({ token: 'any' }));
    expect(result.code).toBe('authentication-failed');
  });

  it('a stream on the TLS port is told to try again', async () => {
    const { material } = await makeAuthority();
    const { peers } = authenticators({
      config: { trustDomain: 'cluster.local', clusterId: clusterId('cluster-1') },
      issuer: new Issuer({ material, clock: systemClock }),
      clock: systemClock,
      trustDomains: ['cluster.local'],
      primary: () => {
        throw new Error('the tokens of a directory are of no concern here');
      },
      review: reviewTokens(await deadClient(), signal),
    });
    const credentials = { address: 'a:1', tls: true, certificateUris: [], bearerToken: 'any', clusterId: undefined };
    expect(await peers.authenticate(credentials)).toMatchObject({ kind: 'refused', code: 'UNAVAILABLE' });
  });
});
