// Remotes that come, rotate and go by Secrets, on two real API servers with exactly the rights of the manifests in deploy/.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { ClusterStatus } from '../../../discovery/model/cluster-snapshot.ts';
import { makeRemoteSecret } from '../../../server/cli/make-remote-secret.ts';
import type { TestObject } from '../../support/kube-api.ts';
import { serviceManifest, sliceManifest } from '../../support/kube-objects.ts';
import {
  asPrimary,
  asRemoteReader,
  namespaceObject,
  serviceAccountObject,
  systemNamespace,
} from '../../support/kube-primary.ts';
import { describeKube } from '../../support/describe-kube.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';

let primary: KubeCluster;
let remote: KubeCluster;
let instance: ServeProcess;

beforeAll(async () => {
  [primary, remote] = await Promise.all([startKubeCluster({ index: 0 }), startKubeCluster({ index: 1 })]);
  const kubeconfig = await asPrimary(primary);
  await asRemoteReader(remote);
  await primary.api.apply(namespaceObject('sample'), ...helloworld(['10.1.0.1']));
  await remote.api.apply(namespaceObject('sample'), ...helloworld(['10.2.0.1', '10.2.0.2']));
  const argv = ['--cluster-id', 'cluster-1', '--network', 'network-1', '--kubeconfig', kubeconfig];
  instance = await startServe({ argv });
}, 900_000);

afterAll(async () => {
  await instance?.[Symbol.asyncDispose]();
  await primary?.stop();
  await remote?.stop();
});

function helloworld(addresses: readonly string[]): TestObject[] {
  return [serviceManifest('helloworld'), sliceManifest('helloworld-1', 'helloworld', addresses)] as TestObject[];
}

/** The Secret of the remote with a token of an account, as the command prints it. */
async function secretWith(serviceAccount: string, ttl = '1h'): Promise<TestObject> {
  const { text } = await makeRemoteSecret({
    clusterId: 'cluster-2',
    kubeconfig: remote.kubeconfig,
    serviceAccount,
    network: 'network-2',
    ttl,
    allowPrograms: false,
    namespace: systemNamespace,
    output: 'yaml',
  });
  return parse(text) as TestObject;
}

/** A second reader, so that the first one's token can end. */
async function addReader(name: string): Promise<void> {
  const group = 'rbac.authorization.k8s.io';
  await remote.api.apply(serviceAccountObject(systemNamespace, name), {
    apiVersion: `${group}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'isthmus-remote-reader' },
    subjects: [{ kind: 'ServiceAccount', name, namespace: systemNamespace }],
  });
}

async function statusOf(id: string): Promise<ClusterStatus | undefined> {
  const statuses = (await instance.json('/api/v1/clusters')) as readonly ClusterStatus[];
  return statuses.find(({ clusterId }) => clusterId === id);
}

async function until(what: string, holds: (status: ClusterStatus | undefined) => boolean): Promise<void> {
  await waitFor(() => statusOf('cluster-2'), holds, { what, timeoutMs: 60_000, intervalMs: 20 });
}

describeKube('a Secret of the primary', () => {
  it('makes a cluster a remote as long as it is there, and rotates its credentials without a gap', async () => {
    const secret = await secretWith('isthmus-reader');
    await primary.api.apply(secret);
    await until('the remote to be read', (status) => status?.phase === 'running' && status.endpoints >= 2);
    expect(await statusOf('cluster-2')).toMatchObject({
      network: 'network-2',
      mode: 'discovery-only',
      secretName: 'istio-system/istio-remote-secret-cluster-2',
      credentialExpiresAt: expect.stringMatching(/^2\d{3}-/),
    });
    const { endpoints: before = 0, credentialExpiresAt } = (await statusOf('cluster-2')) ?? {};

    const stop = new AbortController();
    const counts: number[] = [];
    const watching = (async () => {
      while (!stop.signal.aborted) counts.push((await statusOf('cluster-2'))?.endpoints ?? 0);
    })();
    await addReader('second-reader');
    await primary.api.apply(await secretWith('second-reader', '2h'));
    await until(
      'the new token to be in use',
      (status) => status?.credentialExpiresAt !== credentialExpiresAt && status?.conditions.length === 0,
    );
    // The first token is worth nothing from here on.
    await remote.api.delete(serviceAccountObject(systemNamespace, 'isthmus-reader'));
    await remote.api.apply(...helloworld(['10.2.0.1', '10.2.0.2', '10.2.0.3']));
    await until('a change to arrive with the new token', (status) => status?.endpoints === before + 1);

    await primary.api.apply({ ...secret, stringData: { 'cluster-2': 'no kubeconfig' } });
    await until('the finding', (status) => status?.problems.some(({ code }) => code === 'rotation-failed') === true);
    await remote.api.apply(...helloworld(['10.2.0.1', '10.2.0.2', '10.2.0.3', '10.2.0.4']));
    await until('a change to arrive all the same', (status) => status?.endpoints === before + 2);
    stop.abort();
    await watching;
    expect(Math.min(...counts)).toBe(before);
    expect(counts.length).toBeGreaterThan(10);

    const own = (await statusOf('cluster-1'))?.endpoints;
    await primary.api.delete(secret);
    await until('the remote to be gone', (status) => status === undefined);
    expect((await statusOf('cluster-1'))?.endpoints).toBe(own);
    expect(instance.process.output).not.toContain('the part did not stop');
  });

  it('that an instance can not use is named in a finding on it, and its own cluster is left alone', async () => {
    const secret = await secretWith('second-reader');
    const values = { 'cluster-1': 'own', 'cluster-2': 'no kubeconfig' };
    await primary.api.apply({ ...secret, stringData: values });
    await until('the remote to fail', (status) => status?.phase === 'failed');
    const object = 'Secret/istio-system/istio-remote-secret-cluster-2';
    expect((await statusOf('cluster-2'))?.problems).toMatchObject([{ code: 'remote-unreachable', object }]);
    const own = await statusOf('cluster-1');
    expect([own?.phase, own?.problems.find(({ code }) => code === 'own-cluster')?.object]).toEqual(['running', object]);
    await primary.api.delete(secret);
    await until('the remote to be gone', (status) => status === undefined);
  });
});
