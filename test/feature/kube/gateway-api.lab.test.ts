// Gateways of the Gateway API on a real API server, with the definition that its project publishes and the rights of the
// manifests in deploy/: found when the definition appears, followed, and kept apart from Istio's.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readGoModuleFile } from '../../support/go-module-file.ts';
import type { TestObject } from '../../support/kube-api.ts';
import { asRemoteReader, namespaceObject, systemNamespace, asPrimary } from '../../support/kube-primary.ts';
import { describeKube } from '../../support/describe-kube.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';

const group = 'gateway.networking.k8s.io';

let primary: KubeCluster;
let remote: KubeCluster;
let instance: ServeProcess;

async function install(cluster: KubeCluster): Promise<void> {
  const text = await readGoModuleFile({
    module: 'sigs.k8s.io/gateway-api',
    version: 'v1.7.0',
    path: `config/crd/standard/${group}_gateways.yaml`,
  });
  await cluster.api.apply(parse(text) as TestObject);
  await waitFor(
    () => cluster.api.raw('GET', `/apis/${group}/v1/gateways`),
    ({ status }) => status === 200,
    { what: 'Gateways to be served' },
  );
}

function gateway(name: string, address: string, labels: Readonly<Record<string, string>>): TestObject {
  return {
    apiVersion: `${group}/v1`,
    kind: 'Gateway',
    metadata: { name, namespace: systemNamespace, labels },
    spec: {
      gatewayClassName: 'istio',
      addresses: [{ type: 'IPAddress', value: address }],
      listeners: [
        {
          name: 'cross-network',
          port: 15_443,
          protocol: 'TLS',
          tls: { mode: 'Passthrough', options: { 'gateway.istio.io/listener-protocol': 'auto-passthrough' } },
        },
      ],
    },
  };
}

/** The gateways of the mesh, as anybody may ask. */
async function known(): Promise<string> {
  return JSON.stringify(await instance.json('/api/v1/networks'));
}

const ofNetwork = (network: string) => ({ 'topology.istio.io/network': network });

describeKube('Gateways of the Gateway API', () => {
  beforeAll(async () => {
    [primary, remote] = await Promise.all([startKubeCluster({ index: 0 }), startKubeCluster({ index: 1 })]);
    const kubeconfig = await asPrimary(primary);
    const remoteKubeconfig = await asRemoteReader(remote);
    await primary.api.apply(namespaceObject('sample'));
    const argv = ['--cluster-id', 'cluster-1', '--network', 'network-1', '--kubeconfig', kubeconfig];
    instance = await startServe({ argv: [...argv, '--remote', `cluster-2=${remoteKubeconfig}`] });
  }, 900_000);

  afterAll(async () => {
    await instance?.[Symbol.asyncDispose]();
    await primary?.stop();
    await remote?.stop();
  });

  it('are found once they can be installed, in the primary and in a remote', async () => {
    for (const cluster of [primary, remote]) await install(cluster);
    await primary.api.apply(gateway('elsewhere', '192.0.2.1', ofNetwork('network-3')));
    await remote.api.apply(gateway('eastwest', '192.0.2.2', ofNetwork('network-2')));
    await remote.api.apply(gateway('ingress', '192.0.2.3', {}));
    const wait = { what: 'both gateways', timeoutMs: 90_000 };
    const found = await waitFor(known, (text) => text.includes('192.0.2.1') && text.includes('192.0.2.2'), wait);
    expect(found).not.toContain('192.0.2.3');
  });

  it('are followed, and gone when they are', async () => {
    await remote.api.apply(gateway('eastwest', '192.0.2.9', ofNetwork('network-2')));
    await waitFor(known, (text) => text.includes('192.0.2.9') && !text.includes('192.0.2.2'), { what: 'the change' });
    await remote.api.delete(gateway('eastwest', '192.0.2.9', {}));
    await waitFor(known, (text) => !text.includes('192.0.2.9'), { what: 'its end' });
    expect(await known()).toContain('192.0.2.1');
  });
});
