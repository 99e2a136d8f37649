// Security policies of one region, and callers of the other: who they are is proven through the east-west gateways. Real Envoys, one
// scenario for all tests; each leaves the directories as it found them.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startScenario } from '../demo/build-scenario.ts';
import { writeRegistryFile, type Region, type Scenario } from '../demo/scenario.ts';
import { sidecarUid } from '../demo/sidecar-user.ts';
import { describeLab } from '../support/describe-lab.ts';
import { waitFor } from '../support/wait-for.ts';

/** By header to the pods of one cluster: the far side needs no copy of it. */
const byCluster = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: helloworld, namespace: sample }
spec:
  host: helloworld
  subsets:
    - { name: one, labels: { topology.istio.io/cluster: cluster-1 } }
    - { name: two, labels: { topology.istio.io/cluster: cluster-2 } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: helloworld, namespace: sample }
spec:
  hosts: [helloworld]
  http:
    - match: [{ headers: { x-cluster: { exact: two } } }]
      route: [{ destination: { host: helloworld, subset: two } }]
    - route: [{ destination: { host: helloworld, subset: one } }]
`;

const authorization = (spec: string, name = 'helloworld'): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: sample }
spec:
  selector: { matchLabels: { app: helloworld } }
  ${spec}
---`;
const allow = (source: string): string => authorization(`rules: [{ from: [{ source: { ${source} } }] }]`);
const deny = (source: string): string =>
  authorization(`action: DENY\n  rules: [{ from: [{ source: { ${source} } }] }]`, 'deny');

const peerAuthentication = (spec: string): string => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: helloworld, namespace: sample }
spec:
  selector: { matchLabels: { app: helloworld } }
  ${spec}
`;

describeLab('policies across regions', () => {
  let scenario: Scenario;
  let one: Region;
  let two: Region;

  beforeAll(async () => {
    scenario = await startScenario();
    ({ one, two } = scenario);
    await Promise.all([one, two].map((region) => writeRegistryFile(region, 'by-cluster.yaml', byCluster)));
    await becomes(200);
  });

  afterAll(() => scenario?.dispose());

  /** From the application of region one to that of region two. */
  const across = (path = '/hello'): Promise<number> =>
    one.sleep.host.get(`http://helloworld:5000${path}`, { headers: { 'x-cluster': 'two' } }).then(
      ({ status }) => status,
      () => 0,
    );
  /** Many in a row: a connection from before a change is answered by the rules from before it once more, and then closed by Envoy. */
  const becomes = (status: number): Promise<number> =>
    waitFor(
      async () => {
        let found = status;
        for (let asked = 0; asked < 10 && found === status; asked += 1) found = await across();
        return found;
      },
      (found) => found === status,
      { what: `requests across to be answered with ${status}` },
    );
  /** Past the sidecar, as from a pod that has none. */
  const plainText = (): Promise<number> =>
    two.sleep.host.get(`http://${two.helloworld.pod.address}:5000/hello`, { uid: sidecarUid }).then(
      ({ status }) => status,
      () => 0,
    );
  const declared = async (yaml: string, judge: () => Promise<unknown>): Promise<void> => {
    await writeRegistryFile(two, 'policies.yaml', yaml);
    try {
      await judge();
    } finally {
      await rm(join(two.registry, 'policies.yaml'));
    }
  };
  const sleep = 'principals: [cluster.local/ns/sample/sa/sleep]';
  const others = 'principals: [cluster.local/ns/sample/sa/other]';

  test('a caller of the other cluster is let in by its principal, and one that is not named is not', async () => {
    await declared(allow(others), () => becomes(403));
    await becomes(200);
    await declared(allow(others) + allow(sleep).replace('name: helloworld', 'name: sleep'), async () => {
      await waitFor(plainText, (status) => status === 403, { what: 'the policies' });
      expect(await becomes(200)).toBe(200);
    });
  });

  test('a namespace is that of the caller, whatever cluster it is in', async () => {
    await declared(allow('namespaces: [other]'), () => becomes(403));
    await becomes(200);
    await declared(allow('namespaces: [sample]'), async () => {
      await waitFor(plainText, (status) => status === 403, { what: 'the policy' });
      expect(await becomes(200)).toBe(200);
    });
  });

  test('DENY goes before ALLOW for a caller of the other cluster', async () => {
    await becomes(200);
    await declared(allow(sleep) + deny(sleep), () => becomes(403));
    await becomes(200);
    await declared(allow(sleep) + deny(others), async () => {
      await waitFor(plainText, (status) => status === 403, { what: 'the policies' });
      expect(await becomes(200)).toBe(200);
    });
  });

  test('the policies of one region are not those of the other', async () => {
    await declared(authorization('action: ALLOW'), async () => {
      await becomes(403);
      const own = await one.sleep.host.get('http://helloworld:5000/hello');
      expect(own).toMatchObject({ status: 200, body: expect.stringContaining('version: v1') as unknown });
    });
    await becomes(200);
  });

  test('STRICT refuses plain text and takes callers of the other cluster; a port of its own mode is another matter', async () => {
    await waitFor(plainText, (status) => status === 200, { what: 'plain text to be taken' });
    await declared(peerAuthentication('mtls: { mode: STRICT }'), async () => {
      await waitFor(plainText, (status) => status === 0, { what: 'plain text to be refused' });
      expect(await becomes(200)).toBe(200);
    });
    const port = 'mtls: { mode: STRICT }\n  portLevelMtls: { 5000: { mode: PERMISSIVE } }';
    await declared(peerAuthentication(port), async () => {
      await waitFor(plainText, (status) => status === 200, { what: 'plain text to be taken again' });
      expect(await becomes(200)).toBe(200);
    });
    await declared(
      peerAuthentication('mtls: { mode: PERMISSIVE }\n  portLevelMtls: { 5000: { mode: STRICT } }'),
      async () => {
        await waitFor(plainText, (status) => status === 0, { what: 'plain text to be refused' });
        expect(await becomes(200)).toBe(200);
      },
    );
  });
});
