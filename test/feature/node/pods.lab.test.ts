// The node for tests does for the pods of a real API server what a kubelet, a service proxy and a load balancer do.

import type { V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { namespaceObject, secretObject } from '../../support/kube-primary.ts';
import { describeKubeLab } from '../../support/describe-kube.ts';
import { networkLab, type NetworkLab } from '../../support/netns.ts';
import { startNodeCluster, type NodeCluster } from '../../support/node/node-cluster.ts';
import { deployment, pod, service, sliceAddresses } from '../../support/node/test-objects.ts';
import { whyNotReady } from '../../support/node/test-node.ts';
import { waitFor } from '../../support/wait-for.ts';

const namespace = 'sample';
describeKubeLab('a node for tests', () => {
  let lab: NetworkLab;
  let cluster: NodeCluster;

  beforeAll(async () => {
    lab = await networkLab();
    cluster = await startNodeCluster({ lab, index: 1 });
    await cluster.kube.api.apply(namespaceObject(namespace));
    await waitFor(
      () => cluster.kube.api.raw('GET', `/api/v1/namespaces/${namespace}/serviceaccounts/default`),
      ({ status }) => status === 200,
      { what: 'the default service account' },
    );
  });

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await lab?.dispose();
  });

  const name = (found: V1Pod | undefined): string => `${namespace}/${found?.metadata?.name}`;
  const seen = (of: string): V1Pod | undefined =>
    cluster.node.pods(namespace).find(({ metadata }) => metadata?.name === of);
  const slices = (of: string): Promise<readonly string[]> => sliceAddresses(cluster.kube.api, namespace, of);
  const started = async (...[of, spec]: Parameters<typeof pod>): Promise<string> => {
    await cluster.kube.api.apply(pod(of, spec));
    await cluster.node.ready(namespace, { app: of });
    return `${namespace}/${of}`;
  };
  /** It stays so: the text says what is waited for. */
  const message = (of: string, part: string): Promise<string> =>
    waitFor(
      () => whyNotReady(seen(of) ?? {}) ?? '',
      (text) => text.includes(part),
      { what: `pod ${of} to say "${part}"` },
    );

  it('makes ready pods of a Deployment, whose addresses the endpoint-slice controller publishes and other pods call by name', async () => {
    await cluster.kube.api.apply(
      service('hello'),
      deployment('hello', { replicas: 2, image: 'helloworld:v1', probe: true }),
    );
    const pods = await cluster.node.ready(namespace, { app: 'hello' }, 2);
    const addresses = pods.map(({ status }) => status?.podIP ?? '').toSorted();
    await waitFor(
      () => slices('hello'),
      (found) => found.join() === addresses.join(),
      { what: 'both addresses in the slice' },
    );
    const caller = await started('caller', {
      containers: [{ name: 'main', image: 'curlimages/curl', command: ['sleep', 'infinity'] }],
    });
    const answers = await waitFor(
      async () => {
        const asked = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do curl -sS -m 5 http://hello/hello || exit 1; done';
        return (await cluster.node.exec(caller, 'main', ['sh', '-c', asked])).stdout.trim().split('\n');
      },
      (lines) => new Set(lines).size === 2,
      { what: 'answers from both pods' },
    );
    expect(answers.every((line) => line.startsWith('Hello version: v1, instance: hello-'))).toBe(true);
    expect(cluster.node.logs(name(pods[0]), 'main')).toContain('listening on 5000');
  });

  it('takes a pod out of the slice while its readiness probe fails and puts it back', async () => {
    const readinessProbe = { exec: { command: ['test', '-e', '/tmp/ready'] }, periodSeconds: 1, failureThreshold: 1 };
    const main = {
      name: 'main',
      image: 'busybox',
      command: ['sh', '-c', 'touch /tmp/ready; sleep infinity'],
      readinessProbe,
    };
    await cluster.kube.api.apply(service('flaps'));
    const key = await started('flaps', { containers: [main] });
    await waitFor(
      () => slices('flaps'),
      (found) => found.length === 1,
      { what: 'the address' },
    );
    await cluster.node.exec(key, 'main', ['rm', '/tmp/ready']);
    await waitFor(
      () => slices('flaps'),
      (found) => found.length === 0,
      { what: 'no ready address' },
    );
    await cluster.node.exec(key, 'main', ['touch', '/tmp/ready']);
    const again = await waitFor(
      () => slices('flaps'),
      (found) => found.length === 1,
      { what: 'the address again' },
    );
    expect(again).toEqual([seen('flaps')?.status?.podIP]);
  });

  it('runs init containers in their order, restarts one that fails, and starts the others after them', async () => {
    const volumeMounts = [{ name: 'shared', mountPath: '/shared' }];
    const step = (of: string, script: string): object => ({
      name: of,
      image: 'busybox',
      command: ['sh', '-c', script],
      volumeMounts,
    });
    const once = 'if [ -e /shared/tried ]; then echo second >> /shared/log; else touch /shared/tried; exit 1; fi';
    const key = await started('ordered', {
      initContainers: [step('first', 'echo first >> /shared/log'), step('second', once)],
      containers: [step('main', 'echo main >> /shared/log; cat /shared/log; sleep infinity')],
      volumes: [{ name: 'shared', emptyDir: {} }],
    });
    await waitFor(
      () => cluster.node.logs(key, 'main'),
      (log) => log === 'first\nsecond\nmain\n',
      { what: 'all three lines' },
    );
    const statuses = seen('ordered')?.status?.initContainerStatuses ?? [];
    expect(statuses.map(({ restartCount, ready }) => ({ restartCount, ready }))).toEqual([
      { restartCount: 0, ready: true },
      { restartCount: 1, ready: true },
    ]);
  });

  it('starts a native sidecar before the containers, once its startup probe succeeds, and ends it after them', async () => {
    const volumeMounts = [{ name: 'shared', mountPath: '/shared' }];
    // It says what it found at its end, and stays for a moment, so that this can be read.
    const script =
      "trap 'cat /shared/log; sleep 1; exit 0' TERM; sleep 0.5; touch /shared/up; while :; do sleep 0.1; done";
    const sidecar = {
      name: 'proxy',
      image: 'busybox',
      restartPolicy: 'Always',
      command: ['sh', '-c', script],
      startupProbe: { exec: { command: ['test', '-e', '/shared/up'] }, periodSeconds: 1, failureThreshold: 30 },
      volumeMounts,
    };
    const begin = 'test -e /shared/up && echo proxy was up > /shared/log';
    const end = "trap 'echo main ends >> /shared/log; exit 0' TERM";
    const main = {
      name: 'main',
      image: 'busybox',
      command: ['sh', '-c', `${end}; ${begin}; while :; do sleep 0.1; done`],
      lifecycle: { preStop: { exec: { command: ['sh', '-c', 'echo main is asked to stop >> /shared/log'] } } },
      volumeMounts,
    };
    const volumes = [{ name: 'shared', emptyDir: {} }];
    const key = await started('sidecar', { initContainers: [sidecar], containers: [main], volumes });
    await waitFor(
      () => cluster.node.exec(key, 'main', ['test', '-e', '/shared/log']),
      ({ code }) => code === 0,
      { what: 'the main container to have begun' },
    );
    await cluster.kubectl('delete', 'pod', '-n', namespace, 'sidecar', '--wait=false');
    await waitFor(
      () => cluster.node.logs(key, 'proxy'),
      (log) => log === 'proxy was up\nmain is asked to stop\nmain ends\n',
      { what: 'the sidecar to end after the container' },
    );
    const left = await waitFor(
      () => seen('sidecar'),
      (found) => found === undefined,
      { what: 'the end of the pod' },
    );
    expect(left).toBeUndefined();
  });

  it('gives a container until the end of the grace period and removes the pod then', async () => {
    const stubborn = {
      name: 'main',
      image: 'busybox',
      command: ['sh', '-c', "trap '' TERM; while :; do sleep 0.1; done"],
    };
    await started('stubborn', { containers: [stubborn] });
    const before = performance.now();
    await cluster.kubectl('delete', 'pod', '-n', namespace, 'stubborn', '--grace-period=2');
    expect(performance.now() - before).toBeGreaterThan(1900);
    await waitFor(
      () => seen('stubborn'),
      (found) => found === undefined,
      { what: 'the pod to be gone' },
    );
  });

  it('mounts a token of the asked audience and life, bound to the pod, beside other sources', async () => {
    await cluster.kube.api.apply(secretObject(namespace, 'word', { word: 'open sesame' }));
    const sources = [
      { serviceAccountToken: { path: 'istio-token', audience: 'istio-ca', expirationSeconds: 1200 } },
      { secret: { name: 'word' } },
      { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
    ];
    const env = [
      { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'CPUS', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      { name: 'GREETING', value: 'I am $(POD), not $$(POD)' },
    ];
    const volumeMounts = [{ name: 'tokens', mountPath: '/var/run/secrets/tokens' }];
    const securityContext = { runAsUser: 1337, runAsGroup: 1337 };
    const main = { name: 'main', image: 'busybox', command: ['sleep', 'infinity'], env, volumeMounts, securityContext };
    const key = await started('tokens', { containers: [main], volumes: [{ name: 'tokens', projected: { sources } }] });
    const shell = async (script: string): Promise<string> =>
      (await cluster.node.exec(key, 'main', ['sh', '-c', script])).stdout;
    const token = await shell('cat /var/run/secrets/tokens/istio-token');
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<
      string,
      unknown
    >;
    expect(claims['aud']).toEqual(['istio-ca']);
    expect(Number(claims['exp']) - Number(claims['iat'])).toBe(1200);
    expect(claims['kubernetes.io']).toMatchObject({
      namespace,
      pod: { name: 'tokens' },
      serviceaccount: { name: 'default' },
    });
    expect(await shell('cat /var/run/secrets/tokens/word')).toBe('open sesame');
    expect(await shell('cat /var/run/secrets/tokens/labels')).toBe('app="tokens"');
    expect(await shell('echo $(id -u) $(id -g) "$GREETING" $CPUS')).toBe('1337 1337 I am tokens, not $(POD) 2\n');
    await cluster.kube.api.apply(secretObject(namespace, 'word', { word: 'another' }));
    await waitFor(
      () => shell('cat /var/run/secrets/tokens/word'),
      (text) => text === 'another',
      { what: 'the new word' },
    );
  });

  it('says which image and which field it has nothing for', async () => {
    await cluster.kube.api.apply(
      pod('odd-image', { containers: [{ name: 'main', image: 'quay.io/nobody/knows:1' }] }),
      pod('odd-field', { hostNetwork: true, containers: [{ name: 'main', image: 'busybox' }] }),
    );
    await message('odd-image', 'no program stands for image \\"quay.io/nobody/knows:1\\"');
    expect(seen('odd-image')?.status?.containerStatuses?.[0]?.state?.waiting?.reason).toBe('ImagePullBackOff');
    expect(await message('odd-field', 'Unsupported')).toContain('spec.hostNetwork');
  });

  it('restarts a container that its liveness probe finds dead', async () => {
    const livenessProbe = { tcpSocket: { port: 5000 }, periodSeconds: 1, failureThreshold: 1, initialDelaySeconds: 1 };
    await cluster.kube.api.apply(pod('dead', { containers: [{ name: 'main', image: 'pause', livenessProbe }] }));
    const restarts = (): number => seen('dead')?.status?.containerStatuses?.[0]?.restartCount ?? 0;
    const count = await waitFor(restarts, (count) => count >= 1, { what: 'a restart' });
    expect(count).toBeGreaterThanOrEqual(1);
  });

  it('lets nothing that a container writes out of it', async () => {
    const key = await started('writer', {
      containers: [{ name: 'main', image: 'busybox', command: ['sleep', 'infinity'] }],
    });
    const { code } = await cluster.node.exec(key, 'main', [
      'sh',
      '-c',
      'echo > /isthmus-was-here && mkdir /run/isthmus-was-here',
    ]);
    expect(code).toBe(0);
    const outside = await cluster.namespace.host.exec(['ls', '/isthmus-was-here', '/run/isthmus-was-here']);
    expect(outside.stdout).toBe('');
  });

  it('had no trouble of its own in all this', () => {
    expect(cluster.node.problems).toEqual([]);
  });
});
