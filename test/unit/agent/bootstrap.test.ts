// The bootstrap: what it says about the proxy, and that a real Envoy accepts every form of it.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bootstrap } from '../../../agent/bootstrap/bootstrap.ts';
import type { BootstrapOptions } from '../../../agent/bootstrap/bootstrap.ts';
import { bootstrapNode, parseLocality } from '../../../agent/bootstrap/node.ts';
import type { NodeFacts } from '../../../agent/bootstrap/node.ts';
import { envoyPath, validate } from '../../support/envoy.ts';
import { run } from '../../support/process.ts';

const sleep: NodeFacts = {
  type: 'sidecar',
  ips: ['10.1.0.5', 'fd00::5'],
  podName: 'sleep-1',
  namespace: 'sample',
  dnsDomain: 'sample.svc.cluster.local',
  serviceAccount: 'sleep',
  workloadName: 'sleep',
  clusterId: 'cluster-1',
  network: 'network1',
  meshId: 'mesh1',
  labels: { app: 'sleep' },
  locality: parseLocality('region1/zone1'),
  interceptionMode: 'REDIRECT',
  podPorts: '[{"name":"http","containerPort":80}]',
  requestedNetworkView: [],
  proxyConfig: { concurrency: 2 },
  version: 'isthmus-1',
};

const options: BootstrapOptions = {
  node: bootstrapNode(sleep),
  controlPlane: { host: '10.1.0.2', port: 15_012, serverName: 'istiod.istio-system.svc' },
  ads: 'delta',
  secretSocketPath: '/tmp/sds.sock',
  adminPort: 15_000,
  healthPort: 15_021,
  prometheusPort: 15_090,
};

test("a sidecar introduces itself in Istio's conventions", () => {
  expect(bootstrapNode(sleep)).toEqual({
    id: 'sidecar~10.1.0.5~sleep-1.sample~sample.svc.cluster.local',
    cluster: 'sleep.sample',
    locality: { region: 'region1', zone: 'zone1' },
    metadata: {
      NAME: 'sleep-1',
      NAMESPACE: 'sample',
      SERVICE_ACCOUNT: 'sleep',
      WORKLOAD_NAME: 'sleep',
      CLUSTER_ID: 'cluster-1',
      MESH_ID: 'mesh1',
      NETWORK: 'network1',
      INSTANCE_IPS: '10.1.0.5,fd00::5',
      INTERCEPTION_MODE: 'REDIRECT',
      LABELS: { app: 'sleep' },
      ISTIO_VERSION: 'isthmus-1',
      PROXY_CONFIG: { concurrency: 2 },
      POD_PORTS: '[{"name":"http","containerPort":80}]',
    },
  });
});

test('a gateway asks for its network view; what is not known is left out', () => {
  const node = bootstrapNode({
    ...sleep,
    type: 'router',
    network: '',
    locality: undefined,
    podPorts: undefined,
    requestedNetworkView: ['network1'],
  });
  expect(node.id).toMatch(/^router~/);
  expect(node).not.toHaveProperty('locality');
  expect(node.metadata).toMatchObject({ REQUESTED_NETWORK_VIEW: 'network1' });
  expect(Object.keys(node.metadata)).not.toContain('NETWORK');
  expect(Object.keys(node.metadata)).not.toContain('POD_PORTS');
});

test.each<[string, Partial<BootstrapOptions>]>([
  ['delta', {}],
  ['state of the world', { ads: 'sotw' }],
  ['a host name', { controlPlane: { host: 'istiod.istio-system.svc', port: 15_012, serverName: 'istiod' } }],
  ['no extra listeners', { healthPort: 0, prometheusPort: 0 }],
])('a real Envoy accepts the bootstrap: %s', { timeout: 60_000 }, async (_name, change) => {
  expect(await validate(bootstrap({ ...options, ...change }))).toEqual({ kind: 'accepted' });
});

test('nothing in the bootstrap is deprecated', { timeout: 60_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-bootstrap-'));
  try {
    const file = join(directory, 'envoy.json');
    const host = 'istiod.istio-system.svc';
    await writeFile(
      file,
      JSON.stringify(bootstrap({ ...options, controlPlane: { host, port: 15_012, serverName: host } })),
    );
    const judged = await run([await envoyPath(), '--mode', 'validate', '-c', file, '--log-level', 'warning']);
    expect(judged).toMatchObject({ code: 0, stderr: expect.not.stringMatching(/deprecated/i) });
  } finally {
    await rm(directory, { recursive: true });
  }
});
