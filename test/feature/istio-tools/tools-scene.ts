// One instance over a directory: services with and without virtual IPs, tokens of three accounts. Out: where it answers and
// nodes as Istio's agents and tools write them.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { podManifest, serviceManifest, type Manifest } from '../../support/kube-objects.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { struct } from './ads-client.ts';

export const types = {
  syncz: 'istio.io/debug/syncz',
  configDump: 'istio.io/debug/config_dump',
  debug: 'istio.io/debug',
  names: 'type.googleapis.com/istio.networking.nds.v1.NameTable',
  proxyConfig: 'type.googleapis.com/istio.mesh.v1alpha1.ProxyConfig',
  health: 'type.googleapis.com/istio.v1.HealthInformation',
  clusters: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  listeners: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  clientConfig: 'type.googleapis.com/envoy.service.status.v3.ClientConfig',
} as const;

export interface ToolsScene extends AsyncDisposable {
  readonly instance: ServeProcess;
  /** By `NAMESPACE/ACCOUNT`. */
  readonly tokens: Readonly<Record<string, string>>;
  /** Writes a file of objects into the directory. */
  write(name: string, ...manifests: readonly Manifest[]): Promise<void>;
}

/** `more`: options of `isthmus serve`. */
export async function startScene(...more: readonly string[]): Promise<ToolsScene> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-tools-'));
  const state = await mkdtemp(join(tmpdir(), 'isthmus-tools-state-'));
  const write = async (name: string, ...manifests: readonly Manifest[]): Promise<void> =>
    writeFile(join(directory, name), manifests.map((manifest) => stringify(manifest)).join('---\n'));
  const tokens = { 'istio-system/default': 'tool-token', 'sample/sleep': 'sleep-token', 'other/curl': 'curl-token' };
  await write('tokens.yaml', ...Object.entries(tokens).map(([account, token]) => tokenSecret(account, token)));
  await write(
    'services.yaml',
    serviceManifest('helloworld', { clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'] }),
    serviceManifest('web', { clusterIP: 'None' }),
    podManifest('sleep-1', '10.1.0.3', 'sleep'),
    podManifest('helloworld-1', '10.1.0.4', 'helloworld'),
  );
  const argv = ['--cluster-id', 'cluster-1', '--network', 'network-1', '--registry', directory, '--state-dir', state];
  const instance = await startServe({ argv: [...argv, ...more], monitoring: true });
  return {
    instance,
    tokens,
    write,
    [Symbol.asyncDispose]: async () => {
      await instance[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
      await rm(state, { recursive: true });
    },
  };
}

function tokenSecret(account: string, token: string): Manifest {
  const [namespace = '', name = ''] = account.split('/');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/service-account-token',
    metadata: {
      name: `${name}-token`,
      namespace,
      annotations: { 'kubernetes.io/service-account.name': name },
    },
    data: { token: Buffer.from(token).toString('base64') },
  };
}

/** What `istioctl` sends: a made-up workload of namespace `default`, and in the metadata whose token it shows. */
export function toolNode(namespace = 'istio-system', serviceAccount = 'default'): object {
  return {
    id: 'sidecar~192.0.2.77~test-1.default~default.svc.cluster.local',
    metadata: struct({
      GENERATOR: 'event',
      NAMESPACE: namespace,
      SERVICE_ACCOUNT: serviceAccount,
      ISTIO_VERSION: '65536.65536.65536',
    }),
  };
}

/** What Istio's agent sends for the Envoy beside `sleep`: booleans as texts, JSON in a text, and objects. */
export function agentNode(): object {
  return {
    id: 'sidecar~10.1.0.3~sleep-1.sample~sample.svc.cluster.local',
    cluster: 'sleep.sample',
    metadata: struct({
      CLUSTER_ID: 'cluster-1',
      NAMESPACE: 'sample',
      SERVICE_ACCOUNT: 'sleep',
      NAME: 'sleep-1',
      NODE_NAME: 'node-1',
      NETWORK: 'network-1',
      INSTANCE_IPS: '10.1.0.3',
      ISTIO_VERSION: '1.31.0',
      MESH_ID: 'cluster.local',
      DNS_CAPTURE: 'true',
      DNS_AUTO_ALLOCATE: 'true',
      ENABLE_HBONE: 'true',
      UNPRIVILEGED_POD: 'false',
      ENVOY_STATUS_PORT: 15021,
      ENVOY_PROMETHEUS_PORT: 15090,
      METADATA_DISCOVERY: 'true',
      INTERCEPTION_MODE: 'REDIRECT',
      POD_PORTS: '[{"name":"http","containerPort":80,"protocol":"TCP"}]',
      PILOT_SAN: ['istiod.istio-system.svc'],
      LABELS: { app: 'sleep', 'service.istio.io/canonical-name': 'sleep' },
      ANNOTATIONS: { 'sidecar.istio.io/status': '{"revision":"default"}' },
      PROXY_CONFIG: {
        binaryPath: '/usr/local/bin/envoy',
        concurrency: 2,
        discoveryAddress: 'istiod.istio-system.svc:15012',
        proxyMetadata: { ISTIO_META_DNS_CAPTURE: 'true' },
        statusPort: 15020,
        terminationDrainDuration: '5s',
      },
    }),
  };
}
