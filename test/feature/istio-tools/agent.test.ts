// What Istio's agent asks beside what Envoy asks: a name table for its DNS proxy, the roots, and its reports of health.
// Facts: istio/istio pkg/istio-agent/xds_proxy.go, pkg/dns/server/name_table.go.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { X509Certificate } from 'node:crypto';
import { podManifest, serviceManifest } from '../../support/kube-objects.ts';
import { AdsStream, decoded, struct, type AskedAny, type Response } from './ads-client.ts';
import { agentNode, startScene, types, type ToolsScene } from './tools-scene.ts';

interface NameTable {
  readonly table: Readonly<Record<string, { readonly ips: readonly string[] }>>;
}

let scene: ToolsScene;

beforeAll(async () => {
  scene = await startScene();
});

afterAll(async () => {
  await scene?.[Symbol.asyncDispose]();
});

/** As the agent does it: listeners for Envoy, then its own types. */
function agent(delta: boolean): AdsStream {
  const stream = new AdsStream({ address: scene.instance.xdsTls, token: 'sleep-token', delta });
  stream.send({ node: agentNode(), typeUrl: types.listeners });
  stream.send({ typeUrl: types.names });
  stream.send({ typeUrl: types.proxyConfig });
  stream.send({ typeUrl: types.health });
  return stream;
}

/** The agent looks at the first resource only. */
function only(response: Response): AskedAny {
  expect(response.resources).toHaveLength(1);
  const [resource] = response.resources ?? [];
  return resource?.resource ?? resource ?? { type_url: '', value: Buffer.alloc(0) };
}

function tableOf(response: Response): NameTable['table'] {
  return (decoded(only(response)) as NameTable).table;
}

describe.each([{ delta: false }, { delta: true }])('an agent ($delta: delta)', ({ delta }) => {
  test('gets one table of the services with an address in its cluster, ready for short names', async () => {
    using stream = agent(delta);
    const table = tableOf(await stream.nextOf(types.names));
    expect(table['helloworld.sample.svc.cluster.local']).toEqual({
      ips: ['10.96.0.10'],
      registry: 'Kubernetes',
      shortname: 'helloworld',
      namespace: 'sample',
    });
    // Headless, and without pods.
    expect(table).not.toHaveProperty(['web.sample.svc.cluster.local']);
  });

  test('gets the next table when a service comes, and none when only pods of services with an address move', async () => {
    using stream = agent(delta);
    const first = await stream.nextOf(types.names);
    stream.send({ typeUrl: types.names, responseNonce: first.nonce, versionInfo: first.versionInfo ?? '' });
    const name = `more-${delta ? 'delta' : 'sotw'}`;
    await scene.write(`${name}-pods.yaml`, podManifest(`${name}-1`, delta ? '10.1.7.1' : '10.1.7.2', 'helloworld'));
    await scene.write(`${name}.yaml`, serviceManifest(name, { clusterIP: '10.96.0.77', clusterIPs: ['10.96.0.77'] }));
    const second = await stream.nextOf(types.names);
    expect(tableOf(second)[`${name}.sample.svc.cluster.local`]?.ips).toEqual(['10.96.0.77']);
    expect(stream.received.filter(({ typeUrl }) => typeUrl === types.names)).toHaveLength(2);
  });

  test('gets the roots of the mesh, each as one certificate', async () => {
    using stream = agent(delta);
    const { caCertificatesPem } = decoded(only(await stream.nextOf(types.proxyConfig))) as {
      readonly caCertificatesPem: readonly string[];
    };
    expect(caCertificatesPem.map((pem) => new X509Certificate(pem).ca)).toEqual([true]);
  });

  test('may report its health, good or bad, and is not answered', async () => {
    using stream = agent(delta);
    stream.send({ typeUrl: types.health, errorDetail: { code: 13, message: 'the application does not answer' } });
    await stream.nextOf(types.names);
    // Requests are read in order: what comes after them was read.
    stream.send({ typeUrl: types.clusters });
    await stream.nextOf(types.clusters);
    expect(stream.received.map(({ typeUrl }) => typeUrl)).not.toContain(types.health);
    expect(stream.ended).toBeUndefined();
  });
});

test.each([
  ['another namespace', { NAMESPACE: 'other', SERVICE_ACCOUNT: 'sleep' }, 'The node says namespace "other"'],
  ['another account', { NAMESPACE: 'sample', SERVICE_ACCOUNT: 'admin' }, 'The node says service account "admin"'],
])('a node that names %s than its token is refused with PERMISSION_DENIED', async (_what, metadata, words) => {
  using stream = new AdsStream({ address: scene.instance.xdsTls, token: 'sleep-token' });
  stream.send({ node: { ...agentNode(), metadata: struct(metadata) }, typeUrl: types.listeners });
  const { code, details } = await stream.status();
  expect([code, details]).toEqual([7, expect.stringContaining(words)]);
});

test('a node that names no account is taken for whom its token is', async () => {
  using stream = new AdsStream({ address: scene.instance.xdsTls, token: 'sleep-token' });
  stream.send({ node: { ...agentNode(), metadata: struct({ NAMESPACE: 'sample' }) }, typeUrl: types.listeners });
  expect((await stream.next()).typeUrl).toBe(types.listeners);
});

test('a table that nobody asked for is not made', async () => {
  await using other = await startScene();
  const { instance } = other;
  using stream = new AdsStream({ address: instance.xdsTls, token: 'sleep-token' });
  stream.send({ node: agentNode(), typeUrl: types.listeners });
  await stream.next();
  const encoded = async (): Promise<string> => (await fetch(`http://${instance.monitoring}/metrics`)).text();
  expect(await encoded()).not.toMatch(/isthmus_resources_encoded_total\{type="nds"\} [1-9]/);
  stream.send({ typeUrl: types.names });
  await stream.nextOf(types.names);
  expect(await encoded()).toMatch(/isthmus_resources_encoded_total\{type="nds"\} 1/);
});

test('what happens between a change and its arrival shows under the names of istiod', async () => {
  using stream = new AdsStream({ address: scene.instance.xdsTls, token: 'sleep-token' });
  stream.send({ node: agentNode(), typeUrl: types.clusters });
  const first = await stream.next();
  stream.send({ typeUrl: types.clusters, responseNonce: first.nonce, versionInfo: first.versionInfo ?? '' });
  await scene.write('measured.yaml', serviceManifest('measured'));
  const second = await stream.next();
  stream.send({ typeUrl: types.clusters, responseNonce: second.nonce, versionInfo: second.versionInfo ?? '' });
  const metrics = async (): Promise<string> => (await fetch(`http://${scene.instance.monitoring}/metrics`)).text();
  await expect.poll(metrics).toMatch(/pilot_proxy_convergence_time_count [1-9]/);
  const text = await metrics();
  expect(text).toMatch(/pilot_proxy_queue_time_count [1-9]/);
  expect(text).toMatch(/pilot_xds_push_time_count\{type="cds"\} [1-9]/);
  expect(text).toMatch(/pilot_k8s_reg_events\{type="Services",event="update"\} [1-9]/);
  expect(text).toMatch(/pilot_inbound_updates\{type="svc"\} [1-9]/);
  expect(text).toMatch(/isthmus_update_duration_seconds_count [1-9]/);
});
