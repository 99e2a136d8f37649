// The token that `istioctl` makes for itself on a real API server: of account `default` in the system namespace, for `istio-ca`.

import { afterAll, beforeAll, expect, it } from 'vitest';

import { describeKube } from '../../support/describe-kube.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { asPrimary, namespaceObject, serviceAccountObject } from '../../support/kube-primary.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { AdsStream } from './ads-client.ts';
import { toolNode, types } from './tools-scene.ts';

let cluster: KubeCluster;
let instance: ServeProcess;

describeKube('istioctl proxy-status on Kubernetes', () => {
  beforeAll(async () => {
    cluster = await startKubeCluster();
    const kubeconfig = await asPrimary(cluster);
    await cluster.api.apply(
      namespaceObject('sample'),
      serviceAccountObject('istio-system', 'default'),
      serviceAccountObject('sample', 'default'),
    );
    const argv = ['--cluster-id', 'cluster-1', '--network', '', '--kubeconfig', kubeconfig];
    instance = await startServe({ argv });
  }, 900_000);

  afterAll(async () => {
    await instance?.[Symbol.asyncDispose]();
    await cluster?.stop();
  });

  it('is answered with a token of the system namespace’s default account', async () => {
    const token = await cluster.api.tokenFor('istio-system', 'default', 'istio-ca');
    using stream = new AdsStream({ address: instance.xdsTls, token });
    stream.send({ node: toolNode(), typeUrl: types.syncz });
    expect((await stream.next()).controlPlane?.identifier).toContain('"Component":"istiod"');
  });

  it('is refused with a token of another namespace', async () => {
    const token = await cluster.api.tokenFor('sample', 'default', 'istio-ca');
    using stream = new AdsStream({ address: instance.xdsTls, token });
    stream.send({ node: toolNode(), typeUrl: types.syncz });
    expect((await stream.status()).code).toBe(7);
  });

  it('is refused with a token for another audience', async () => {
    const token = await cluster.api.tokenFor('istio-system', 'default');
    using stream = new AdsStream({ address: instance.xdsTls, token });
    stream.send({ node: toolNode(), typeUrl: types.syncz });
    expect((await stream.status()).code).toBe(16);
  });
});
