// Secrets of gateways on a real API server, with exactly the rights that deploy/rbac gives: read and followed by name, no others.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { PersistentMap } from '../../../discovery/model/persistent-map.ts';
import type { Workload } from '../../../discovery/model/workload.ts';
import { convertGateway } from '../../../discovery/policy/gateway.ts';
import { decodeJson } from '../../../proto/json.ts';
import { resourcesOf } from '../../../server/cache/type-snapshot.ts';
import { GatewayCredentials } from '../../../server/credentials/gateway-credentials.ts';
import { KubeSecrets } from '../../../server/credentials/kube-secrets.ts';
import type { PrimaryClient } from '../../../server/kube/primary-client.ts';
import type { TestObject } from '../../support/kube-api.ts';
import { auditLog, type AuditLog } from '../../support/kube-audit.ts';
import { objectOf, policyManifest } from '../../support/kube-objects.ts';
import {
  asPrimary,
  gatewaySecretRights,
  namespaceObject,
  primaryClient,
  secretObject,
} from '../../support/kube-primary.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { mesh, router } from '../../support/mesh-model.ts';
import { makeOutsideAuthority, type LeafFiles, type OutsideAuthority } from '../../support/server-certificate.ts';
import { waitFor, waitUntilSame } from '../../support/wait-for.ts';

const namespace = 'istio-ingress';
const account = 'system:serviceaccount:istio-system:isthmus';

let directory: string;
let audit: AuditLog;
let cluster: KubeCluster;
let client: PrimaryClient;
let outside: OutsideAuthority;
let rights: readonly TestObject[];
let first: LeafFiles;
let second: LeafFiles;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-audit-'));
  audit = await auditLog(directory);
  const { apiServerFlags } = audit;
  [cluster, outside] = await Promise.all([startKubeCluster({ apiServerFlags }), makeOutsideAuthority()]);
  [first, second] = [await outside.leaf('shop.example.com'), await outside.leaf('shop.example.com')];
  client = primaryClient(await asPrimary(cluster));
  rights = await gatewaySecretRights();
  await cluster.api.apply(namespaceObject(namespace));
}, 900_000);

afterAll(async () => {
  client?.close();
  await cluster?.stop();
  await outside?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

beforeEach(async () => {
  await cluster.api.apply(...rights);
  await cluster.api.delete(...['shop', 'shop-cacert'].map((name) => secretObject(namespace, name, {})));
});

const tls = ({ certificatePem, keyPem }: LeafFiles) =>
  secretObject(namespace, 'shop', { 'tls.crt': certificatePem, 'tls.key': keyPem }, 'kubernetes.io/tls');

/** A gateway that is connected and whose Gateway names the Secret `shop`. */
function connectedGateway(mode: 'SIMPLE' | 'MUTUAL' = 'SIMPLE') {
  const port = { number: 443, name: 'https', protocol: 'HTTPS' };
  const servers = [{ port, hosts: ['shop.example.com'], tls: { mode, credentialName: 'shop' } }];
  const manifest = policyManifest('Gateway', 'public', { selector: { istio: 'edge' }, servers }, { namespace });
  const { value: policy } = convertGateway(objectOf(manifest));
  if (policy === undefined) throw new Error('the Gateway is a good one');
  const workload = {
    identity: { namespace, serviceAccount: 'ingress' },
    addresses: ['10.1.0.1'],
    labels: { istio: 'edge' },
  } as unknown as Workload;
  const workloads = PersistentMap.from<string, Workload>([['10.1.0.1', workload]]);
  const snapshot = { ...mesh({ policies: [policy] }), workloads };
  const { log, lines } = memoryLog();
  const timings = { forbiddenRetryMs: 500, backOffLongestMs: 500 };
  const feed = new KubeSecrets({ client, log, timings });
  const credentials = new GatewayCredentials({ feed, now: Date.now, mesh: () => snapshot });
  const proxy = router({ namespace, addresses: ['10.1.0.1'], labels: { istio: 'edge' } });
  const changes: string[] = [];
  const held = credentials.hold({
    proxy,
    identity: `spiffe://cluster.local/ns/${namespace}/sa/ingress`,
    onChange: () => changes.push('changed'),
  });
  onTestFinished(() => feed.close());
  const shown = (): string =>
    [...resourcesOf(held?.snapshot() ?? { parts: [] })]
      .map(({ typeUrl, body }) => JSON.stringify(decodeJson(typeUrl, body)))
      .join('\n');
  return {
    lines,
    changes,
    codes: () => credentials.problems().map(({ code }) => code),
    message: () => credentials.problems()[0]?.message ?? '',
    release: () => held?.release(),
    close: () => feed.close(),
    has: (pem: string): Promise<string> =>
      waitFor(shown, (text) => text.includes(Buffer.from(pem).toString('base64')), { what: 'what the Secret has' }),
    shown,
  };
}

type ConnectedGateway = ReturnType<typeof connectedGateway>;

const expectFindings = ({ codes }: ConnectedGateway, ...expected: readonly string[]) =>
  waitFor(codes, (found) => JSON.stringify(found) === JSON.stringify(expected), {
    what: `findings ${expected.join()}`,
  });

it('a Secret is read by its name, and each rotation is told once', async () => {
  await cluster.api.apply(tls(first));
  const gateway = connectedGateway();
  await gateway.has(first.certificatePem);
  await gateway.has(first.keyPem);
  expect(gateway.codes()).toEqual([]);
  gateway.changes.length = 0;
  await cluster.api.apply(tls(second));
  await gateway.has(second.certificatePem);
  expect(gateway.shown()).not.toContain(Buffer.from(first.certificatePem).toString('base64'));
  expect(gateway.changes).toEqual(['changed']);
});

it('one that comes later is taken, and client roots come from NAME-cacert beside it', async () => {
  const gateway = connectedGateway('MUTUAL');
  await expectFindings(gateway, 'missing-secret', 'missing-secret');
  await cluster.api.apply(tls(first));
  await gateway.has(first.certificatePem);
  await cluster.api.apply(secretObject(namespace, 'shop-cacert', { 'ca.crt': outside.rootPem }));
  await gateway.has(outside.rootPem);
  await expectFindings(gateway);
});

it('one that is deleted is a finding, and its content stays in use until it is there again', async () => {
  await cluster.api.apply(tls(first));
  const gateway = connectedGateway();
  await gateway.has(first.certificatePem);
  await cluster.api.delete(tls(first));
  await expectFindings(gateway, 'missing-secret');
  expect(gateway.message()).toContain('its last good content stays in use');
  await gateway.has(first.certificatePem);
  await cluster.api.apply(tls(second));
  await gateway.has(second.certificatePem);
  await expectFindings(gateway);
});

it('without the right it is a finding that says which, and the right that is given later is enough', async () => {
  await cluster.api.delete(...rights);
  await cluster.api.apply(tls(first));
  const gateway = connectedGateway();
  await expectFindings(gateway, 'unreadable-secret');
  await waitFor(gateway.message, (text) => text.includes('forbidden'), { what: 'the words of the API server' });
  expect(gateway.message()).toContain(`by a Role in namespace ${namespace}`);
  expect(gateway.shown()).toBe('');
  await cluster.api.apply(...rights);
  await gateway.has(first.certificatePem);
  await expectFindings(gateway);
});

it('while the API server is away it is a finding, which goes when it is back with nothing new', async () => {
  await cluster.api.apply(tls(first));
  const gateway = connectedGateway();
  await gateway.has(first.certificatePem);
  await cluster.killApiServer();
  await expectFindings(gateway, 'unreadable-secret');
  await gateway.has(first.certificatePem);
  await cluster.startApiServer();
  await expectFindings(gateway);
  await cluster.api.apply(tls(second));
  await gateway.has(second.certificatePem);
});

it('a right that is taken away is a finding for as long as it is, and what was read stays in use', async () => {
  await cluster.api.apply(tls(first));
  const gateway = connectedGateway();
  await gateway.has(first.certificatePem);
  await cluster.api.delete(...rights);
  // A watch that is open goes on until it ends.
  await cluster.killApiServer();
  await cluster.startApiServer();
  await waitFor(gateway.message, (text) => text.includes('forbidden'), { what: 'the words of the API server' });
  const refusals = async (): Promise<number> =>
    (await audit.entries()).filter(({ user, code }) => user === account && code === 403).length;
  const before = await refusals();
  await waitFor(refusals, (count) => count >= before + 5, { what: 'more refusals', timeoutMs: 30_000 });
  expect(gateway.codes()).toEqual(['unreadable-secret']);
  await gateway.has(first.certificatePem);
  await cluster.api.apply(...rights);
  await expectFindings(gateway);
});

it('no other Secret is asked for, nothing is followed that nobody uses, and no log line has a byte of one', async () => {
  const key = { user: account, namespace };
  const asked = async () =>
    (await audit.entries()).filter((entry) => entry.user === key.user && entry.namespace === key.namespace);
  await cluster.api.apply(tls(first));
  const gateway = connectedGateway('MUTUAL');
  await gateway.has(first.certificatePem);
  gateway.release();
  await gateway.close();
  // The server writes down the end of a watch when it has noticed it.
  const before = await waitUntilSame(async () => (await asked()).length, { what: 'the watches to end' });
  await cluster.api.apply(tls(second));
  const all = await asked();
  expect(all).toHaveLength(before);
  expect(all.length).toBeGreaterThan(0);
  expect(new Set(all.map(({ resource }) => resource))).toEqual(new Set(['secrets']));
  expect(all.filter(({ verb }) => verb !== 'list' && verb !== 'watch')).toEqual([]);
  expect(new Set(all.map(({ name }) => name))).toEqual(new Set(['shop', 'shop-cacert']));
  expect(JSON.stringify(gateway.lines)).not.toMatch(/PRIVATE KEY|LS0tLS1CRUdJTi/);
});

it('the rights allow no other Secret of the namespace, and no change of those', async () => {
  await cluster.api.apply(tls(first), secretObject(namespace, 'private', { key: 'value' }));
  const signal = new AbortController().signal;
  const place = { apiVersion: 'v1', plural: 'secrets', namespace };
  const changed = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'shop', namespace }, data: {} };
  expect(await client.get(place, 'shop', signal)).toMatchObject({ name: 'shop' });
  expect(await client.get(place, 'private', signal)).toMatchObject({ code: 'forbidden' });
  expect(await client.apply(place, changed, signal)).toMatchObject({ code: 'forbidden' });
});
