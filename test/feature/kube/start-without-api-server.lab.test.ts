// An instance that is started while the API server of its own cluster hangs or is down: it serves what it remembers, under the
// same root.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestObject } from '../../support/kube-api.ts';
import { serviceManifest, sliceManifest } from '../../support/kube-objects.ts';
import { asPrimary, namespaceObject } from '../../support/kube-primary.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { startServe } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';

let cluster: KubeCluster;
let stateDir: string;
let argv: readonly string[];
let rootsPem: string;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'isthmus-state-'));
  cluster = await startKubeCluster();
  const kubeconfig = await asPrimary(cluster);
  await cluster.api.apply(
    namespaceObject('sample'),
    serviceManifest('helloworld') as TestObject,
    sliceManifest('helloworld-1', 'helloworld', ['10.0.0.1']) as TestObject,
  );
  argv = ['--cluster-id', 'cluster-1', '--network', '', '--kubeconfig', kubeconfig, '--state-dir', stateDir];
  await using first = await startServe({ argv });
  const published = await waitFor(
    () => cluster.api.get('/api/v1/namespaces/sample/configmaps/istio-ca-root-cert'),
    () => true,
    { what: 'the roots' },
  );
  rootsPem = (published as { readonly data: Readonly<Record<string, string>> }).data['root-cert.pem'] ?? '';
  await waitFor(
    () => serviceCount(first.http),
    (count) => count > 0,
    { what: 'the services' },
  );
}, 900_000);

afterAll(async () => {
  await cluster.stop();
  await rm(stateDir, { recursive: true, force: true });
});

async function serviceCount(http: string): Promise<number> {
  const clusters = (await (await fetch(`http://${http}/api/v1/clusters`)).json()) as readonly {
    readonly services: number;
  }[];
  return clusters[0]?.services ?? 0;
}

/** Resolves when the TLS port shows a certificate under the root; rejects when it shows another. */
async function expectTrusted(address: string): Promise<void> {
  const port = Number(address.split(':')[1]);
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca: rootsPem, servername: 'istiod.istio-system.svc' }, () => {
      socket.destroy();
      resolve();
    });
    socket.on('error', reject);
  });
}

it('is ready within seconds while the API server hangs', async () => {
  cluster.pauseApiServer();
  try {
    const startedAtMs = performance.now();
    await using instance = await startServe({ argv });
    expect(performance.now() - startedAtMs).toBeLessThan(10_000);
    expect(await serviceCount(instance.http)).toBeGreaterThan(0);
    await expectTrusted(instance.xdsTls);
  } finally {
    cluster.resumeApiServer();
  }
});

it('is ready while the API server is gone', async () => {
  await cluster.killApiServer();
  await using instance = await startServe({ argv });
  expect(await serviceCount(instance.http)).toBeGreaterThan(0);
  await expectTrusted(instance.xdsTls);
});
