// Injection through a real API server: the webhook configurations of the chart, an instance with exactly the rights of the chart, and
// what becomes of pods that are created.

import { mkdtemp, readFile, rm, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { injectPod } from '../../../server/inject/inject-pod.ts';
import type { Mapping } from '../../../server/inject/json-value.ts';
import { freePort } from '../../support/authority-server.ts';
import { publishedApi } from '../../support/fields/crd-fields.ts';
import { readGoModuleFile } from '../../support/go-module-file.ts';
import { helmProgram, renderChart } from '../../support/helm.ts';
import { injectionSettings, podOf, type PodParts } from '../../support/injection.ts';
import type { KubeAnswer, TestObject } from '../../support/kube-api.ts';
import { auditLog, type AuditLog } from '../../support/kube-audit.ts';
import { asPrimary } from '../../support/kube-primary.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';

const goldenCases = resolve(import.meta.dirname, '../../golden/injection');
const configurationPath = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-sidecar-injector';

let directory: string;
let log: AuditLog;
let cluster: KubeCluster;
let instance: ServeProcess;
let injection: readonly TestObject[];

beforeAll(async () => {
  await helmProgram();
  directory = await mkdtemp(join(tmpdir(), 'isthmus-injection-'));
  log = await auditLog(directory);
  cluster = await startKubeCluster({ apiServerFlags: log.apiServerFlags });
  const kubeconfig = await asPrimary(cluster);
  const port = await freePort();
  const values = { clusterId: 'cluster-1', network: 'network-1', injection: { knownRevisions: ['default', 'prod'] } };
  injection = (await renderChart({ chart: 'isthmus', values }))
    .filter(
      ({ kind, metadata }) => kind === 'MutatingWebhookConfiguration' || metadata.name === 'istio-sidecar-injector',
    )
    .map((object) => withPort(object, port));
  const namespaces = [
    namespace('sample', { 'istio-injection': 'enabled' }),
    namespace('silent', {}),
    namespace('revised', { 'istio.io/rev': 'default' }),
    namespace('elsewhere', { 'istio.io/rev': 'forgotten' }),
    namespace('strict', { 'istio-injection': 'enabled', 'pod-security.kubernetes.io/enforce': 'restricted' }),
  ];
  await cluster.api.apply(...namespaces, service, await proxyConfigDefinition(), ...injection);
  instance = await startServe({
    argv: ['--cluster-id', 'cluster-1', '--network', 'network-1', '--kubeconfig', kubeconfig],
    webhookPort: port,
  });
  await waitFor(bundles, (found) => found.length > 0 && found.every((each) => each !== ''), { what: 'the CA bundles' });
  await waitFor(
    () => create('sample', podOf()),
    ({ status }) => status === 201,
    { what: 'the first pod' },
  );
}, 3_600_000);

afterAll(async () => {
  await instance?.[Symbol.asyncDispose]();
  await cluster?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** The API server dials what the Service names, and verifies the name of the Service. */
const service: TestObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'istio-system', name: 'istiod' },
  spec: { type: 'ExternalName', externalName: 'localhost' },
};

async function proxyConfigDefinition(): Promise<TestObject> {
  const documents = parseAllDocuments(await readGoModuleFile(publishedApi));
  const found = ('empty' in documents ? [] : documents)
    .map((document) => document.toJS() as TestObject | null)
    .find((object) => object?.metadata.name === 'proxyconfigs.networking.istio.io');
  if (found === undefined || found === null) throw new Error('no definition of ProxyConfig');
  return found;
}

function namespace(name: string, labels: Readonly<Record<string, string>>): TestObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

function withPort(object: TestObject, port: number): TestObject {
  const text = JSON.stringify(object, (key, value: unknown) => (key === 'port' ? port : value));
  return JSON.parse(text) as TestObject;
}

async function bundles(): Promise<readonly string[]> {
  const { webhooks } = (await cluster.api.get(configurationPath)) as {
    readonly webhooks: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
  };
  return webhooks.map(({ clientConfig }) => clientConfig.caBundle ?? '');
}

/** The answer to the creation of a pod that is not kept. */
async function create(where: string, pod: Mapping): Promise<KubeAnswer> {
  const metadata = { ...(pod['metadata'] as Mapping), namespace: where };
  return await cluster.api.raw('POST', `/api/v1/namespaces/${where}/pods?dryRun=All`, { ...pod, metadata });
}

interface Created {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly [list: string]: readonly { readonly name: string; readonly image?: string }[] | undefined };
}

async function created(where: string, parts: PodParts = {}): Promise<Created> {
  const answer = await create(where, podOf(parts));
  if (answer.status !== 201) throw new Error(answer.body);
  return JSON.parse(answer.body) as Created;
}

const namesOf = (pod: Created, list: string): readonly string[] => (pod.spec[list] ?? []).map(({ name }) => name);

async function hasProxy(where: string, parts: PodParts = {}): Promise<boolean> {
  const pod = await created(where, parts);
  return [...namesOf(pod, 'containers'), ...namesOf(pod, 'initContainers')].includes('istio-proxy');
}

async function refusal(where: string, parts: PodParts): Promise<string> {
  const answer = await create(where, podOf(parts));
  expect(answer.status).toBe(400);
  return (JSON.parse(answer.body) as { readonly message: string }).message;
}

const inject = (value: string): PodParts => ({ labels: { 'sidecar.istio.io/inject': value } });
const revision = (value: string): PodParts => ({ labels: { 'istio.io/rev': value } });

describe('a pod', () => {
  it('of a labelled namespace has a proxy that Kubernetes starts first and keeps', async () => {
    const pod = await created('sample');
    expect(namesOf(pod, 'initContainers')).toEqual(['istio-init', 'istio-proxy']);
    expect(namesOf(pod, 'containers')).toEqual(['web']);
    expect(pod.metadata.labels).toMatchObject({ 'topology.istio.io/network': 'network-1' });
  });

  it('gets a proxy or none as labels of its namespace and its own say', async () => {
    expect(await hasProxy('sample', inject('false'))).toBe(false);
    expect(await hasProxy('silent')).toBe(false);
    expect(await hasProxy('silent', inject('true'))).toBe(true);
    expect(await hasProxy('silent', revision('default'))).toBe(true);
    expect(await hasProxy('revised')).toBe(true);
    expect(await hasProxy('sample', { spec: { hostNetwork: true } })).toBe(false);
  });

  it('is refused when the revision that is asked for is not known', async () => {
    expect(await refusal('elsewhere', {})).toContain('label istio.io/rev of namespace elsewhere');
    const message = await refusal('silent', revision('forgotten'));
    expect(message).toContain('Pod silent/web: no control plane serves the revision "forgotten"');
    expect(message).toContain('Known are default, prod');
  });

  it('is refused with the annotation that is wrong, and what to write instead', async () => {
    const message = await refusal('sample', { annotations: { 'sidecar.istio.io/proxyCPU': 'much' } });
    expect(message).toContain('Pod sample/web: annotation sidecar.istio.io/proxyCPU: "much" is not a quantity');
  });

  it('that has a proxy already is left alone', async () => {
    const once = await created('sample');
    const answer = await create('sample', once as unknown as Mapping);
    expect((JSON.parse(answer.body) as Created).spec).toEqual(once.spec);
  });
});

it('pods of a Deployment have a proxy that knows whose they are', async () => {
  cluster.startControllerManager();
  const template = { metadata: { labels: { app: 'hello' } }, spec: podOf()['spec'] };
  await cluster.api.apply({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'sample', name: 'hello' },
    spec: { replicas: 1, selector: { matchLabels: { app: 'hello' } }, template },
  });
  const list = await waitFor(
    async () => JSON.stringify(await cluster.api.get('/api/v1/namespaces/sample/pods?labelSelector=app%3Dhello')),
    (text) => text.includes('ISTIO_META_WORKLOAD_NAME'),
    { what: 'the pod', timeoutMs: 60_000 },
  );
  expect(list).toContain('{"name":"ISTIO_META_WORKLOAD_NAME","value":"hello"}');
  expect(list).toContain('kubernetes://apis/apps/v1/namespaces/sample/deployments/hello');
});

describe('where only restricted pods may run', () => {
  const restricted: PodParts = {
    spec: {
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'web',
          image: 'registry.example/web:1',
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  };

  it('an init container that redirects is refused by the API server, and all is well once something else does it', async () => {
    expect((await create('strict', podOf(restricted))).body).toContain('NET_ADMIN');
    await applyInjector({ values: { istio_cni: { enabled: true } } });
    const pod = await waitFor(
      () => create('strict', podOf(restricted)),
      ({ status }) => status === 201,
      { what: 'the pod' },
    );
    expect(namesOf(JSON.parse(pod.body) as Created, 'initContainers')).toEqual(['istio-proxy']);
    await applyInjector({});
    await waitFor(
      () => created('sample'),
      (each) => namesOf(each, 'initContainers').includes('istio-init'),
      { what: 'the default' },
    );
  });
});

async function applyInjector(data: { readonly config?: Mapping; readonly values?: Mapping }): Promise<void> {
  await cluster.api.apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'istio-system', name: 'istio-sidecar-injector' },
    data: { config: JSON.stringify(data.config ?? {}), values: JSON.stringify(data.values ?? {}) },
  });
}

it('a ProxyConfig says how the proxies of new pods are started, until it is gone', async () => {
  const proxyConfigs = '/apis/networking.istio.io/v1beta1/namespaces/sample/proxyconfigs';
  const variables = async (): Promise<Readonly<Record<string, string>>> => {
    const pod = await created('sample');
    const proxy = pod.spec['initContainers']?.find(({ name }) => name === 'istio-proxy');
    const env = (proxy as { readonly env?: readonly { readonly name: string; readonly value?: string }[] })?.env ?? [];
    return Object.fromEntries(env.map(({ name, value = '' }) => [name, value]));
  };
  const object = (name: string, spec: Mapping): Mapping => ({
    apiVersion: 'networking.istio.io/v1beta1',
    kind: 'ProxyConfig',
    metadata: { name },
    spec,
  });
  const written = await cluster.api.raw(
    'POST',
    proxyConfigs,
    object('threads', {
      selector: { matchLabels: { app: 'web' } },
      concurrency: 3,
      environmentVariables: { FROM_OBJECT: 'yes' },
    }),
  );
  expect([written.status, written.body]).toEqual([201, written.body]);
  const env = await waitFor(variables, (found) => found['FROM_OBJECT'] !== undefined, { what: 'the variable' });
  expect(env['FROM_OBJECT']).toBe('yes');
  expect(JSON.parse(env['PROXY_CONFIG'] ?? '{}')).toMatchObject({ concurrency: 3 });
  await cluster.api.raw('DELETE', `${proxyConfigs}/threads`);
  await waitFor(variables, (found) => found['FROM_OBJECT'] === undefined, { what: 'the variable to be gone' });
});

it('a template that can not be obeyed changes nothing, and the log says why', async () => {
  const values = { global: { hub: 'registry.example/mine', tag: 'good' } };
  const image = 'registry.example/mine/proxyv2:good';
  const imageNow = async (): Promise<unknown> => (await created('sample')).spec['initContainers']?.[1]?.image;
  await applyInjector({ values });
  await waitFor(imageNow, (found) => found === image, { what: 'the image' });
  await applyInjector({
    values: { global: { hub: 'registry.example/other' } },
    config: { templates: { extra: '{{ .Spec }}' } },
  });
  await waitFor(
    () => instance.process.output,
    (text) => text.includes('template \\"extra\\" is a Go template'),
    { what: 'the reason in the log' },
  );
  expect(await imageNow()).toBe(image);
  await applyInjector({});
  await waitFor(imageNow, (found) => found !== image, { what: 'the default' });
});

it('the roots come back when somebody writes others, and nothing else of the configuration is touched', async () => {
  const [before] = await bundles();
  const name = 'namespace.sidecar-injector.istio.io';
  const webhooks = [{ name, clientConfig: { caBundle: Buffer.from('forged').toString('base64') } }];
  const patch = { webhooks };
  const configuration = injection.find(({ kind }) => kind === 'MutatingWebhookConfiguration');
  expect(configuration).toBeDefined();
  const path = `${configurationPath}?fieldManager=other&force=true`;
  const body = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'istio-sidecar-injector' },
  };
  expect((await cluster.api.raw('PATCH', path, { ...body, ...patch })).status).toBe(200);
  await waitFor(bundles, (found) => found.every((each) => each === before), { what: 'the roots' });
  const found = (await cluster.api.get(configurationPath)) as Mapping;
  expect(found).toMatchObject({ webhooks: configuration?.['webhooks'] });
});

it('the instance writes no webhook configuration but its own, and only into it', async () => {
  const entries = (await log.entries()).filter(
    ({ user, resource }) => user.endsWith(':isthmus') && resource.startsWith('mutatingwebhook'),
  );
  expect(new Set(entries.map(({ verb }) => verb))).toEqual(
    new Set(['list', 'watch', 'patch'].filter((verb) => entries.some((each) => each.verb === verb))),
  );
  expect(entries.filter(({ verb, name }) => verb === 'patch' && name !== 'istio-sidecar-injector')).toEqual([]);
  expect(entries.filter(({ code }) => code === 403)).toEqual([]);
});

it('every pod of the golden files is accepted as it is injected', async () => {
  for (const file of await readdir(goldenCases)) {
    const documents = parseAllDocuments(await readFile(join(goldenCases, file), 'utf8'));
    const [parts, pod] = documents.map((document) => document.toJS() as Mapping);
    if (parts === undefined || pod === undefined) throw new Error(`${file}: two documents`);
    const settings = injectionSettings(parts);
    const result = injectPod({ pod, namespace: 'silent', settings });
    if (result instanceof Error || result.kind !== 'injected') throw new Error(`${file}: not injected`);
    const metadata = {
      ...(result.pod['metadata'] as Mapping),
      name: 'golden',
      namespace: 'silent',
      generateName: undefined,
    };
    const labels = { ...(metadata as { readonly labels?: Mapping }).labels, 'sidecar.istio.io/inject': 'false' };
    const answer = await cluster.api.raw('POST', '/api/v1/namespaces/silent/pods?dryRun=All&fieldValidation=Strict', {
      ...result.pod,
      // What the API server would put in, were it to know of service accounts.
      spec: { serviceAccountName: 'default', ...(result.pod['spec'] as Mapping) },
      metadata: { ...metadata, labels },
    });
    expect({ file, status: answer.status, body: answer.status === 201 ? '' : answer.body }).toEqual({
      file,
      status: 201,
      body: '',
    });
  }
});
