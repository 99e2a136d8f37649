// The chart tells API servers to bring exactly the pods that `isthmus inject` takes offline.

import { beforeAll, expect, it } from 'vitest';
import { webhookSelectors } from '../../../server/inject/webhook-selectors.ts';
import { validatorName, webhookConfigurationNames } from '../../../server/kube/webhook-bundles.ts';
import { helmProgram, renderChart, type Values } from '../../support/helm.ts';

interface Webhook {
  readonly name: string;
  readonly namespaceSelector: unknown;
  readonly objectSelector: unknown;
}

beforeAll(async () => {
  await helmProgram();
}, 3_600_000);

async function configurations(values: Values, namespace: string): Promise<ReadonlyMap<string, readonly Webhook[]>> {
  const objects = await renderChart({ chart: 'isthmus', values: { clusterId: 'cluster-1', ...values }, namespace });
  const found = objects.filter(({ kind }) => kind === 'MutatingWebhookConfiguration');
  return new Map(found.map((each) => [each.metadata.name, each['webhooks'] as readonly Webhook[]]));
}

const selectorsOf = (webhooks: readonly Webhook[] | undefined): unknown =>
  webhooks?.map(({ name, namespaceSelector, objectSelector }) => ({ name, namespaceSelector, objectSelector }));

it('of the default revision, with every namespace', async () => {
  const found = await configurations({ injection: { everyNamespace: true } }, 'istio-system');
  expect([...found.keys()]).toEqual(
    webhookConfigurationNames({ revision: 'default', systemNamespace: 'istio-system', tags: [] }),
  );
  const expected = webhookSelectors({ revision: 'default', everyNamespace: true });
  expect(selectorsOf(found.get('istio-sidecar-injector'))).toEqual(expected);
});

it('of a revision and its tags, under the names that the instance completes', async () => {
  const found = await configurations({ revision: 'canary', revisionTags: ['default', 'prod'] }, 'mesh');
  const names = webhookConfigurationNames({ revision: 'canary', systemNamespace: 'mesh', tags: ['default', 'prod'] });
  expect([...found.keys()].toSorted()).toEqual(names.toSorted());
  for (const [index, revision] of ['canary', 'default', 'prod'].entries()) {
    expect(selectorsOf(found.get(names[index] ?? ''))).toEqual(webhookSelectors({ revision }));
  }
});

it.each([
  ['', 'istio-system', 'istio-validator-istio-system', ['rev.validation.istio.io', 'validation.istio.io']],
  ['canary', 'mesh', 'istio-validator-canary-mesh', ['rev.validation.istio.io']],
])(
  'validation of revision "%s" under the name that the instance completes',
  async (revision, namespace, name, webhooks) => {
    const objects = await renderChart({ chart: 'isthmus', values: { clusterId: 'cluster-1', revision }, namespace });
    const found = objects.filter(({ kind }) => kind === 'ValidatingWebhookConfiguration');
    expect(found.map(({ metadata }) => metadata.name)).toEqual([name]);
    const configured = found.flatMap((object) => object['webhooks'] as readonly Webhook[]);
    expect(configured.map((webhook) => webhook.name)).toEqual(webhooks);
    expect(validatorName({ revision: revision === '' ? 'default' : revision, systemNamespace: namespace })).toBe(name);
    const rules = objects.flatMap(
      (object) => (object['rules'] ?? []) as readonly { readonly resources: readonly string[] }[],
    );
    const rule = rules.find(({ resources }) => resources.includes('validatingwebhookconfigurations'));
    expect(rule).toMatchObject({ resourceNames: [name], verbs: ['get', 'list', 'watch', 'patch'] });
  },
);
