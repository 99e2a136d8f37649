// Validation through a real API server: the webhook configuration of the chart, the published schemas, an instance with exactly the
// rights of the chart, and what becomes of objects that are written.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { freePort } from '../../support/authority-server.ts';
import { publishedApi } from '../../support/fields/crd-fields.ts';
import { readGoModuleFile } from '../../support/go-module-file.ts';
import { helmProgram, renderChart } from '../../support/helm.ts';
import type { KubeAnswer, TestObject } from '../../support/kube-api.ts';
import type { Manifest } from '../../support/kube-objects.ts';
import { asPrimary } from '../../support/kube-primary.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';

const configurationPath =
  '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/istio-validator-istio-system';
const rules = '/apis/networking.istio.io/v1/namespaces/default/destinationrules';

let cluster: KubeCluster;
let instance: ServeProcess;

beforeAll(async () => {
  await helmProgram();
  cluster = await startKubeCluster();
  const kubeconfig = await asPrimary(cluster);
  const port = await freePort();
  const values = { clusterId: 'cluster-1', validation: { failurePolicy: 'Fail' } };
  const configurations = (await renderChart({ chart: 'isthmus', values }))
    .filter(({ kind }) => kind === 'ValidatingWebhookConfiguration')
    .map((object) => withPort(object, port));
  await cluster.api.apply(service, ...(await definitions()), ...configurations);
  instance = await startServe({
    argv: ['--cluster-id', 'cluster-1', '--network', '', '--kubeconfig', kubeconfig],
    webhookPort: port,
  });
  await waitFor(bundle, (found) => found !== '', { what: 'the CA bundle' });
  await waitFor(
    () => write({ host: 'istiod.istio-system.svc.cluster.local' }),
    ({ status }) => status === 201,
    { what: 'the first object' },
  );
}, 3_600_000);

afterAll(async () => {
  await instance?.[Symbol.asyncDispose]();
  await cluster?.stop();
});

/** The API server dials what the Service names, and verifies the name of the Service. */
const service: TestObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'istio-system', name: 'istiod' },
  spec: { type: 'ExternalName', externalName: 'localhost' },
};

async function definitions(): Promise<readonly TestObject[]> {
  const documents = parseAllDocuments(await readGoModuleFile(publishedApi));
  const objects = ('empty' in documents ? [] : documents).map((document) => document.toJS() as TestObject | null);
  return objects.flatMap((object) => (object?.metadata.name === 'destinationrules.networking.istio.io' ? object : []));
}

function withPort(object: TestObject, port: number): TestObject {
  const text = JSON.stringify(object, (key, value: unknown) => (key === 'port' ? port : value));
  return JSON.parse(text) as TestObject;
}

async function bundle(): Promise<string> {
  const { webhooks } = (await cluster.api.get(configurationPath)) as {
    readonly webhooks: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
  };
  return webhooks.map(({ clientConfig }) => clientConfig.caBundle ?? '').find((text) => text === '') === undefined
    ? (webhooks[0]?.clientConfig.caBundle ?? '')
    : '';
}

/** The answer to an object that is not kept. */
async function write(spec: Manifest): Promise<KubeAnswer> {
  const apiVersion = 'networking.istio.io/v1';
  const metadata = { name: 'store', namespace: 'default' };
  return await cluster.api.raw('POST', `${rules}?dryRun=All`, { apiVersion, kind: 'DestinationRule', metadata, spec });
}

it('an object that asks for what is not implemented is not written, and the field is named', async () => {
  const connectionPool = { http: { http2KeepAlive: { interval: '10s', timeout: '1s' } } };
  const { status, body } = await write({ host: 'store', trafficPolicy: { connectionPool } });
  expect(status).toBe(400);
  const { message } = JSON.parse(body) as { readonly message: string };
  expect(message).toContain('spec.trafficPolicy.connectionPool.http.http2KeepAlive is not supported yet');
});

it('an object that does not fit the mesh is written', async () => {
  expect((await write({ host: 'nobody.example.com' })).status).toBe(201);
});
