// What differs between versions of Kubernetes, on the version that all tests run against and on every older one that was built or
// is asked for by `$KUBE_VERSIONS`. The whole suites run against one of them with `$TEST_KUBE_VERSION` (CONTRIBUTING.md).

import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { KubeSource } from '../../discovery/source/kube/kube-source.ts';
import { byKnownToken } from '../../ca/authenticate-token.ts';
import { reviewTokens } from '../../server/kube/review-token.ts';
import { failure } from '../support/certificate-authority.ts';
import type { TestObject } from '../support/kube-api.ts';
import { podManifest, policyManifest, serviceManifest, sliceManifest, type Manifest } from '../support/kube-objects.ts';
import { asPrimary, namespaceObject, primaryClient, serviceAccountObject } from '../support/kube-primary.ts';
import { chosenKubeVersion, otherKubeVersions } from '../support/kube-versions.ts';
import { describeKube } from '../support/describe-kube.ts';
import { startKubeCluster, type KubeCluster } from '../support/kube.ts';
import { startServe } from '../support/serve-process.ts';
import { SourceListener } from '../support/source-listener.ts';
import { waitFor } from '../support/wait-for.ts';
import { definition, putOn } from './api-server-fixture.ts';

interface Tried {
  readonly title: string;
  /** Undefined: whatever the other tests run against. */
  readonly version: string | undefined;
}

const tried: readonly Tried[] = [
  { title: 'Kubernetes as in all other tests', version: undefined },
  ...(await otherKubeVersions()).map((version) => ({ title: `Kubernetes ${version}`, version })),
];

const destinationRules = definition('DestinationRule', 'destinationrules', ['v1', 'v1beta1', 'v1alpha3']);

/** Has a sidecar that is an init container, and a state as a kubelet would report it. */
function podWithSidecar(name: string, phase: string): Manifest {
  const pod = podManifest(name, '10.0.0.1', 'sleep');
  const container = { name: 'app', image: 'none' };
  const ports = [{ name: 'proxied', containerPort: 15_443 }];
  const sidecar = { name: 'proxy', image: 'none', restartPolicy: 'Always', ports };
  return {
    ...pod,
    spec: { serviceAccountName: 'sleep', containers: [container], initContainers: [sidecar] },
    status: { phase, podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] },
  };
}

describeKube.each(tried)('$title', ({ version }) => {
  let cluster: KubeCluster;
  let kubeconfig: string;

  beforeAll(async () => {
    cluster = await startKubeCluster({ version });
    kubeconfig = await asPrimary(cluster);
    await cluster.api.apply(namespaceObject('sample'), serviceAccountObject('sample', 'sleep'));
  }, 3_600_000);

  afterAll(async () => {
    await cluster?.stop();
  });

  const listen = (timings: { readonly pageSize?: number } = {}): { source: KubeSource; listener: SourceListener } => {
    const credentials = { kind: 'file', path: kubeconfig } as const;
    const source = new KubeSource({ credentials, scope: 'primary', timings: { rediscoverMs: 300, ...timings } });
    const listener = new SourceListener(source);
    onTestFinished(() => listener.stop());
    return { source, listener };
  };

  it('is the version that it is said to be', async () => {
    const { major, minor } = (await cluster.api.get('/version')) as { readonly major: string; readonly minor: string };
    // Programs that were brought along may be of any.
    const isBrought = version === undefined && process.env['KUBEBUILDER_ASSETS'];
    expect(`${major}.${minor}`).toBe(isBrought ? `1.${minor}` : (version ?? chosenKubeVersion()));
    expect(Number(minor)).toBeGreaterThanOrEqual(30);
  });

  it('has every list read and every watch followed with the rights in deploy/, without a failure or a finding', async () => {
    const app = (name: string, ip: string): TestObject[] =>
      [serviceManifest(name), sliceManifest(`${name}-1`, name, [ip])] as TestObject[];
    await cluster.api.apply(...['a', 'b', 'c', 'd', 'e'].flatMap((name, index) => app(name, `10.0.1.${index + 1}`)));
    // Small pages, where lists are not streamed.
    const { source, listener } = listen({ pageSize: 2 });
    await listener.synced();
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      expect(listener.objects.has(`Service/sample/${name}`)).toBe(true);
      expect(listener.objects.has(`EndpointSlice/sample/${name}-1`)).toBe(true);
    }
    await cluster.api.apply(...app('late', '10.0.1.9'));
    await cluster.api.delete(serviceManifest('a') as TestObject);
    await listener.hears(
      'both changes',
      () => listener.objects.has('EndpointSlice/sample/late-1') && !listener.objects.has('Service/sample/a'),
    );
    expect(listener.problems).toEqual([]);
    expect(listener.outages).toEqual([]);
    const { feeds } = source.status();
    expect(feeds.map(({ counts }) => counts.failures)).toEqual(feeds.map(() => 0));
  });

  it('goes on with what a definition that is installed later brings, in its newest version', async () => {
    const { source, listener } = listen();
    await listener.synced();
    const feed = () => source.status().feeds.find(({ kind }) => kind === 'DestinationRule');
    expect(feed()?.phase).toBe('absent');
    await cluster.api.apply(destinationRules);
    const rule = {
      ...policyManifest('DestinationRule', 'rule', { host: 'a' }),
      apiVersion: 'networking.istio.io/v1beta1',
    };
    await putOn(cluster, rule);
    await listener.hears('the rule', () => listener.objects.has('DestinationRule/sample/rule'));
    expect(feed()?.version).toBe('v1');
  });

  it('filters by fields and labels: no pod that has ended, no ConfigMap and no Secret but those of the mesh', async () => {
    const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'istio-system', name: 'istio' } };
    const named = (kind: string, name: string, labels = {}): TestObject => ({
      apiVersion: 'v1',
      kind,
      metadata: { namespace: 'istio-system', name, labels },
    });
    await cluster.api.apply(
      { ...config, data: { mesh: '{}' } },
      named('ConfigMap', 'another'),
      named('Secret', 'remote', { 'istio/multiCluster': 'true' }),
      named('Secret', 'private'),
      podWithSidecar('runs', 'Running') as unknown as TestObject,
      podWithSidecar('ended', 'Succeeded') as unknown as TestObject,
    );
    const { listener } = listen();
    await listener.synced();
    const read = (kind: string): readonly string[] =>
      [...listener.objects.keys()].filter((key) => key.startsWith(`${kind}/`) && !key.includes('istio-ca-root-cert'));
    expect(read('Pod')).toEqual(['Pod/sample/runs']);
    expect(read('ConfigMap')).toEqual(['ConfigMap/istio-system/istio']);
    expect(read('Secret')).toEqual(['Secret/istio-system/remote']);
    const pod = JSON.stringify(listener.objects.get('Pod/sample/runs')?.body);
    expect(pod).toContain('proxied');
    // When it ends, a watch with a selector calls it deleted.
    await cluster.api.apply(podWithSidecar('runs', 'Succeeded') as unknown as TestObject);
    await listener.hears('the end of the pod', () => !listener.objects.has('Pod/sample/runs'));
  });

  it('makes tokens for istio-ca that prove who has them, and others that do not', async () => {
    const client = primaryClient(kubeconfig);
    onTestFinished(() => client.close());
    const lookup = reviewTokens(client, new AbortController().signal);
    const authenticator = byKnownToken({ lookup, trustDomain: 'cluster.local', clusterId: 'cluster-1' });
    const sleep = { trustDomain: 'cluster.local', namespace: 'sample', serviceAccount: 'sleep' };
    const token = await cluster.api.tokenFor('sample', 'sleep', 'istio-ca');
    expect(await authenticator.authenticate({ token })).toEqual(sleep);
    const other = await cluster.api.tokenFor('sample', 'sleep');
    expect(failure(await authenticator.authenticate({ token: other })).code).toBe('credential-refused');
  });

  it('is a primary on which an instance serves, elects and publishes its root with the rights in deploy/', async () => {
    const argv = ['--cluster-id', 'cluster-1', '--network', 'network-1', '--kubeconfig', kubeconfig];
    await using instance = await startServe({ argv });
    const published = await waitFor(
      () => cluster.api.get('/api/v1/namespaces/sample/configmaps/istio-ca-root-cert'),
      () => true,
      { what: 'the root in the namespace' },
    );
    expect(JSON.stringify(published)).toContain('BEGIN CERTIFICATE');
    expect(await instance.json('/api/v1/clusters')).toMatchObject([{ clusterId: 'cluster-1', phase: 'running' }]);
  });
});
