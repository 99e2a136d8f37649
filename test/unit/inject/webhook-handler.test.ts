// The webhook over HTTP: what is no question of an API server is refused in words, and counted.

import { createServer } from 'node:http';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { InjectionMetrics } from '../../../server/inject/injection-metrics.ts';
import { webhookHandler } from '../../../server/inject/webhook-handler.ts';
import { applyPatch } from '../../support/apply-patch.ts';
import { injectionSettings, podOf } from '../../support/injection.ts';
import { memoryLog } from '../../support/memory-log.ts';

const registry = new Registry();
const known = { settings: true, objects: true };
const server = createServer(
  webhookHandler({
    settings: () => (known.settings ? injectionSettings() : undefined),
    declared: () => (known.objects ? { policies: [], rootNamespace: 'istio-system' } : undefined),
    metrics: new InjectionMetrics(registry),
    log: memoryLog().log,
  }),
);
let address: string;

beforeAll(async () => {
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  const found = server.address();
  address = `http://127.0.0.1:${typeof found === 'object' && found !== null ? found.port : 0}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function review(object: unknown = podOf(), request: object = {}, apiVersion = 'admission.k8s.io/v1'): string {
  const kind = { group: '', version: 'v1', kind: 'Pod' };
  const asked = { uid: '1', operation: 'CREATE', namespace: 'sample', kind, object, ...request };
  return JSON.stringify({ apiVersion, kind: 'AdmissionReview', request: asked });
}

async function post(
  body: string,
  path = '/inject',
  type = 'application/json',
): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await fetch(address + path, { method: 'POST', body, headers: { 'Content-Type': type } });
  return { status: answer.status, text: await answer.text() };
}

interface Answer {
  readonly apiVersion: string;
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly patch?: string;
    readonly status?: { readonly code: number; readonly message: string };
  };
}

const ask = async (body: string, path?: string): Promise<Answer> => JSON.parse((await post(body, path)).text) as Answer;

const injectedBy = ({ response }: Answer): string =>
  JSON.stringify(applyPatch(podOf(), JSON.parse(Buffer.from(response.patch ?? '', 'base64').toString()) as never));

it.each(['admission.k8s.io/v1', 'admission.k8s.io/v1beta1'])('a question of %s is answered in it', async (version) => {
  const answer = await ask(review(podOf(), {}, version));
  expect(answer).toMatchObject({ apiVersion: version, response: { uid: '1', allowed: true, patchType: 'JSONPatch' } });
  expect(injectedBy(answer)).toContain('"name":"istio-proxy"');
});

it('the path says cluster, network and variables', async () => {
  const injected = injectedBy(await ask(review(), '/inject/cluster/a--slash--b/net/n-2/istio_meta_extra/x'));
  expect(injected).toContain('{"name":"ISTIO_META_CLUSTER_ID","value":"a/b"}');
  expect(injected).toContain('{"name":"ISTIO_META_NETWORK","value":"n-2"}');
  expect(injected).toContain('{"name":"ISTIO_META_EXTRA","value":"x"}');
});

it.each<[string, string, string, string, number, string]>([
  ['what is not JSON', '{', '/inject', 'application/json', 400, 'not a JSON object'],
  ['another object', '{"kind":"Pod"}', '/inject', 'application/json', 400, 'not an AdmissionReview'],
  [
    'a review of another version',
    review({}, {}, 'admission.k8s.io/v9'),
    '/inject',
    'application/json',
    400,
    'admission.k8s.io/v1 or',
  ],
  [
    'a review without a request',
    '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}',
    '/inject',
    'application/json',
    400,
    'no request with a uid',
  ],
  ['a review without an object', review('text'), '/inject', 'application/json', 400, 'no request.object'],
  ['another content type', review(), '/inject', 'text/plain', 415, 'not application/json'],
  ['half a pair in the path', review(), '/inject/cluster', 'application/json', 400, 'pairs such as'],
  ['a stray percent sign in the path', review(), '/inject/cluster/%zz', 'application/json', 400, 'pairs such as'],
  ['a path that is none', review(), '/other', 'application/json', 404, 'the webhook is /inject'],
])('%s is refused', async (_title, body, path, type, status, words) => {
  const answer = await post(body, path, type);
  expect(answer.status).toBe(status);
  expect(answer.text).toContain(words);
});

it('a body without end is cut off, and the next question is answered', async () => {
  // Whoever still writes may see the answer or the end of the connection, whichever comes first.
  const status = await post('x'.repeat(9 * 1024 * 1024)).then(
    (answer) => answer.status,
    () => 413,
  );
  expect(status).toBe(413);
  expect((await ask(review())).response.allowed).toBe(true);
});

it('a pod without containers is refused, and what is no new pod stays as it is', async () => {
  const { response } = await ask(review({ metadata: {}, spec: {} }));
  expect(response.status).toEqual({
    status: 'Failure',
    code: 400,
    message: 'Pod sample/(unnamed): has no spec.containers.',
  });
  for (const request of [{ operation: 'UPDATE' }, { subResource: 'ephemeralcontainers' }]) {
    expect((await ask(review(podOf(), request))).response).toEqual({ uid: '1', allowed: true });
  }
});

it('pods are refused while the settings are not known', async () => {
  known.settings = false;
  const { response } = await ask(review());
  known.settings = true;
  expect(response).toMatchObject({ allowed: false, status: { code: 503 } });
});

it('pods are refused while it is not known what is declared of their proxies', async () => {
  known.objects = false;
  const { response } = await ask(review());
  known.objects = true;
  expect(response).toMatchObject({ allowed: false, status: { code: 503 } });
});

it('everything is counted by what became of it', async () => {
  const count = async (name: string): Promise<number> =>
    (await registry.getSingleMetric(`sidecar_injection_${name}_total`)?.get())?.values[0]?.value ?? 0;
  const [requests, success, failure, skip] = await Promise.all(['requests', 'success', 'failure', 'skip'].map(count));
  expect(success).toBeGreaterThan(0);
  expect(skip).toBe(2);
  expect(requests).toBe((success ?? 0) + (failure ?? 0) + (skip ?? 0));
});
