// Tokens in the volumes of the node for tests are renewed as a kubelet renews them.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import type { KubeApi } from '../../support/kube-api.ts';
import { PodVolumes } from '../../support/node/pod-volumes.ts';
import { waitFor } from '../../support/wait-for.ts';

it('asks for another token at four fifths of the life of the one before', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-volumes-'));
  const clock = new FakeClock();
  const stop = new AbortController();
  let asked = 0;
  const api = {
    post: () => {
      asked += 1;
      const iat = Math.floor(clock.now() / 1000);
      const claims = Buffer.from(JSON.stringify({ iat, number: asked })).toString('base64url');
      const expirationTimestamp = new Date((iat + 1000) * 1000).toISOString();
      return Promise.resolve({ status: { token: `h.${claims}.s`, expirationTimestamp } });
    },
  } as unknown as KubeApi;
  const place = { podIp: '10.244.1.2', hostIp: '172.30.1.1', nodeName: 'node-1' };
  const references = { configMap: () => undefined, secret: () => undefined };
  const sources = [{ serviceAccountToken: { path: 'token', audience: 'istio-ca', expirationSeconds: 1000 } }];
  const pod = { spec: { containers: [], volumes: [{ name: 't', projected: { sources } }] } };
  const volumes = new PodVolumes(pod, { directory, place, references, api, clock, signal: stop.signal });
  await volumes.write(pod);
  const renewing = volumes.renew();
  const file = join(volumes.directoryOf('t'), 'token');
  const first = await readFile(file, 'utf8');
  expect(await clock.untilNextWakeMs()).toBe(800_000);
  clock.advance(799_999);
  expect(asked).toBe(1);
  clock.advance(1);
  await waitFor(
    () => readFile(file, 'utf8'),
    (token) => token !== first,
    { what: 'the new token' },
  );
  expect(asked).toBe(2);
  stop.abort();
  await renewing;
  await rm(directory, { recursive: true });
});
