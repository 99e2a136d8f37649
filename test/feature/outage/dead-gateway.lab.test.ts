// The gateway of another network dies while the API server of its cluster is well: a whole instance, and a real listener in the
// place of the gateway.

import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { NetworkEntry } from '../../../server/admin/network-list.ts';
import type { WhyReport } from '../../../server/admin/why-report.ts';
import { namespaceManifest, podManifest, serviceManifest, type Manifest } from '../../support/kube-objects.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';

let base: string;
let gateway: Server;
let port: number;
let instance: ServeProcess;

beforeAll(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'gateway-'));
  gateway = await listen(0);
  port = (gateway.address() as AddressInfo).port;
  await write('cluster-1', [
    namespaceManifest('istio-system', { 'topology.istio.io/network': 'network1' }),
    serviceManifest('sleep'),
    podManifest('sleep-1', '10.1.0.1', 'sleep'),
  ]);
  await write('cluster-2', [
    namespaceManifest('istio-system', { 'topology.istio.io/network': 'network2' }),
    serviceManifest('store', { ports: [{ name: 'http', port: 80, targetPort: 8080 }] }),
    podManifest('store-1', '10.2.0.1', 'store'),
  ]);
  const networks = {
    network2: { endpoints: [{ fromRegistry: 'cluster-2' }], gateways: [{ address: '127.0.0.1', port }] },
  };
  const meshConfig = path.join(base, 'mesh.yaml');
  await writeFile(meshConfig, stringify({ meshNetworks: { networks } }));
  const argv = ['--cluster-id', 'cluster-1', '--network', 'network1', '--registry', path.join(base, 'cluster-1')];
  argv.push('--remote', `cluster-2=${path.join(base, 'cluster-2')}`, '--state-dir', path.join(base, 'state'));
  instance = await startServe({ argv: [...argv, '--mesh-config', meshConfig, '--gateway-probe', '200ms'] });
});

afterAll(async () => {
  await instance?.[Symbol.asyncDispose]();
  if (gateway?.listening) gateway.close();
  await rm(base, { recursive: true, force: true });
});

async function listen(on: number): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined).end());
  server.listen(on, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function write(cluster: string, manifests: readonly Manifest[]): Promise<void> {
  await mkdir(path.join(base, cluster), { recursive: true });
  const text = manifests.map((manifest) => stringify(manifest)).join('---\n');
  await writeFile(path.join(base, cluster, 'objects.yaml'), text);
}

async function why(): Promise<WhyReport> {
  return (await instance.json('/api/v1/why?from=sleep-1.sample&to=store.sample:80')) as WhyReport;
}

async function verdictBecomes(verdict: string): Promise<NetworkEntry['gateways'][number]> {
  const observe = async () =>
    ((await instance.json('/api/v1/networks')) as readonly NetworkEntry[]).find(({ network }) => network === 'network2')
      ?.gateways[0];
  const found = await waitFor(observe, (one) => one?.probe?.verdict === verdict, {
    what: `the gateway to be ${verdict}`,
  });
  if (found === undefined) throw new Error('there is a gateway');
  return found;
}

test('it leaves within moments, why says so, and it is used again once it answers', async () => {
  expect(await verdictBecomes('reachable')).toMatchObject({ inUse: true });
  expect((await why()).verdict).toBe('reachable');

  gateway.close();
  await once(gateway, 'close');
  expect(await verdictBecomes('unreachable')).toMatchObject({ inUse: false, probe: { lastError: 'ECONNREFUSED' } });
  const report = await waitFor(why, ({ verdict }) => verdict === 'no-endpoints', { what: 'nothing to be left' });
  expect(report.summary).toContain(`no gateway of it answers any more (127.0.0.1:${port})`);
  const clusters = (await instance.json('/api/v1/clusters')) as readonly {
    readonly clusterId: string;
    readonly phase: string;
    readonly conditions: readonly { readonly name: string }[];
  }[];
  // The cluster itself is well: two different facts.
  expect(clusters.find(({ clusterId }) => clusterId === 'cluster-2')).toMatchObject({
    phase: 'running',
    conditions: [{ name: 'gateway-unreachable' }],
  });

  gateway = await listen(port);
  expect(await verdictBecomes('reachable')).toMatchObject({ inUse: true });
  await waitFor(why, ({ verdict }) => verdict === 'reachable', { what: 'the way through the gateway' });
});
