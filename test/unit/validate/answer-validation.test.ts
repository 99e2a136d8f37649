// The validation webhook: what a converter refuses is refused in its words, what does not fit the mesh is a warning.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { expect, it, onTestFinished } from 'vitest';
import { defaultMeshConfig, noMeshNetworks } from '../../../discovery/model/mesh-config.ts';
import { clusterId } from '../../../discovery/model/names.ts';
import { InjectionMetrics } from '../../../server/inject/injection-metrics.ts';
import { webhookHandler } from '../../../server/inject/webhook-handler.ts';
import { answerValidation } from '../../../server/validate/answer-validation.ts';
import { objectCheck } from '../../../server/validate/object-check.ts';
import { ValidationMetrics } from '../../../server/validate/validation-metrics.ts';
import type { Manifest } from '../../support/kube-objects.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { mesh, service } from '../../support/mesh-model.ts';
import { syncedCluster } from '../discovery/cluster-scene.ts';

interface Answer {
  readonly response: {
    readonly allowed: boolean;
    readonly warnings?: readonly string[];
    readonly status?: { readonly code: number; readonly message: string };
  };
}

const snapshot = mesh({ services: [service('sample/store', ['http:80'])] });

async function ask(object: Manifest, request: object = {}): Promise<Answer['response']> {
  const registry = new Registry();
  const check = objectCheck({
    config: { clusterId: clusterId('cluster-1'), systemNamespace: 'istio-system' },
    primary: syncedCluster([]),
    mesh: () => snapshot,
    meshDefaults: { config: defaultMeshConfig, meshNetworks: noMeshNetworks },
  });
  const validation = {
    answer: (question: Parameters<typeof answerValidation>[0]) => answerValidation(question, check),
    metrics: new ValidationMetrics(registry),
  };
  const metrics = new InjectionMetrics(registry);
  const server = createServer(
    webhookHandler({ settings: () => undefined, declared: () => undefined, metrics, validation, log: memoryLog().log }),
  );
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const kind = { group: 'networking.istio.io', version: 'v1', kind: object['kind'] };
  const asked = { uid: '1', operation: 'CREATE', namespace: 'sample', kind, object, ...request };
  const body = JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: asked });
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(`http://127.0.0.1:${port}/validate`, { method: 'POST', body, headers });
  return ((await answer.json()) as Answer).response;
}

const rule = (spec: Manifest, metadata: Manifest = {}): Manifest => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: { name: 'store', namespace: 'sample', ...metadata },
  spec,
});

it('an object in which nothing is wrong may be written', async () => {
  expect(await ask(rule({ host: 'store' }))).toEqual({ uid: '1', allowed: true });
});

it('an object that its converter refuses is refused with the field and what to do', async () => {
  const { allowed, status } = await ask(rule({ host: 'store', sbusets: [] }));
  expect(allowed).toBe(false);
  expect(status?.code).toBe(400);
  expect(status?.message).toContain('spec.sbusets is no field of this kind: remove it or correct its spelling');
});

it('an object that does not fit the mesh may be written, with a warning', async () => {
  const { allowed, warnings } = await ask(rule({ host: 'stor' }));
  expect(allowed).toBe(true);
  expect(warnings).toEqual([expect.stringContaining('There is no service stor.sample.svc.cluster.local')]);
});

it('an object whose name the API server will make is judged all the same', async () => {
  const { allowed } = await ask(rule({ host: '' }, { name: undefined, generateName: 'store-' }));
  expect(allowed).toBe(false);
  expect((await ask(rule({ host: 'store' }, { name: undefined, generateName: 'store-' }))).allowed).toBe(true);
});

it.each([
  ['that is deleted', rule({}), { operation: 'DELETE' }],
  ['that is going away', rule({}, { deletionTimestamp: '2026-01-01T00:00:00Z' }), { operation: 'UPDATE' }],
  ['of which only the status is written', rule({}), { operation: 'UPDATE', subResource: 'status' }],
])('an object %s is never refused', async (_, object, request) => {
  expect((await ask(object, request)).allowed).toBe(true);
});

it('a kind that nothing implements is refused by its name', async () => {
  const { allowed, status } = await ask({
    ...rule({}),
    kind: 'WasmPlugin',
    apiVersion: 'extensions.istio.io/v1alpha1',
  });
  expect(allowed).toBe(false);
  expect(status?.message).toContain('WasmPlugin');
});
