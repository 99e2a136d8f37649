// Two clusters with a node each: what crosses the link between them, and what does not.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { namespaceObject } from '../../support/kube-primary.ts';
import { describeKubeLab } from '../../support/describe-kube.ts';
import { networkLab, type NetworkLab } from '../../support/netns.ts';
import { startNodeCluster, type NodeCluster } from '../../support/node/node-cluster.ts';
import { deployment, pod, service } from '../../support/node/test-objects.ts';
import { waitFor } from '../../support/wait-for.ts';

const namespace = 'sample';
describeKubeLab('two nodes for tests', () => {
  let lab: NetworkLab;
  let first: NodeCluster;
  let second: NodeCluster;

  beforeAll(async () => {
    lab = await networkLab();
    first = await startNodeCluster({ lab, index: 1 });
    second = await startNodeCluster({ lab, index: 2 });
    const account = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
    for (const { kube } of [first, second]) {
      await kube.api.apply(namespaceObject(namespace));
      await waitFor(
        () => kube.api.raw('GET', account),
        ({ status }) => status === 200,
        { what: 'the default service account' },
      );
    }
    const sleep = { name: 'main', image: 'curlimages/curl', command: ['sleep', 'infinity'] };
    await first.kube.api.apply(pod('caller', { containers: [sleep] }));
    await second.kube.api.apply(
      service('hello', { type: 'LoadBalancer' }),
      deployment('hello', { image: 'helloworld:v2', probe: true }),
    );
    await first.node.ready(namespace, { app: 'caller' });
    await second.node.ready(namespace, { app: 'hello' });
  });

  afterAll(async () => {
    await first?.[Symbol.asyncDispose]();
    await second?.[Symbol.asyncDispose]();
    await lab?.dispose();
  });

  const curl = (url: string): Promise<{ readonly code: number | null; readonly stdout: string }> =>
    first.node.exec(`${namespace}/caller`, 'main', ['curl', '-sSk', '-m', '2', url]);

  it("reach each other's load balancers, node ports and API servers", async () => {
    const address = await second.node.loadBalancer(`${namespace}/hello`);
    const answer = await waitFor(
      () => curl(`http://${address}/hello`),
      ({ code }) => code === 0,
      { what: 'an answer' },
    );
    expect(answer.stdout).toContain('Hello version: v2');
    const { stdout } = await second.kubectl(
      'get',
      'service',
      '-n',
      namespace,
      'hello',
      '-o',
      'jsonpath={.status.loadBalancer.ingress[0].ip} {.spec.ports[0].nodePort}',
    );
    const [told, port] = stdout.split(' ');
    expect(told).toBe(address);
    expect((await curl(`http://${second.namespace.address}:${port}/hello`)).stdout).toContain('Hello version: v2');
    expect((await curl(`${second.kube.insideServer}/version`)).stdout).toContain('gitVersion');
  });

  it("do not reach each other's pods, nor services by their name or address", async () => {
    const [hello] = second.node.pods(namespace, { app: 'hello' });
    expect((await curl(`http://${hello?.status?.podIP}:5000/hello`)).code).not.toBe(0);
    expect((await curl('http://hello/hello')).code).toBe(6);
  });

  it('are apart while the link is cut and together when it is mended', async () => {
    const url = `http://${await second.node.loadBalancer(`${namespace}/hello`)}/hello`;
    await second.namespace.cutLink();
    expect((await curl(url)).code).not.toBe(0);
    await second.kubectl('get', 'pods', '-n', namespace);
    await second.namespace.mendLink();
    await waitFor(
      () => curl(url),
      ({ code }) => code === 0,
      { what: 'an answer over the mended link' },
    );
  });
});
