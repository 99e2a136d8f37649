// What a document must be to count as an object, and what is said of one that does not.

import { describe, expect, it } from 'vitest';
import { parseDocumentObjects, parseObject } from '../../../discovery/source/object-schema.ts';
import { readYamlDocuments } from '../../../discovery/source/yaml-documents.ts';
import { serviceManifest, type Manifest } from '../../support/kube-objects.ts';

const service = (metadata: Manifest): Manifest => ({ apiVersion: 'v1', kind: 'Service', metadata, spec: {} });
const origin = { place: 'a.yaml', line: 1 };

describe('a document', () => {
  it('of a namespaced kind without a namespace is in "default"', () => {
    expect(parseObject(service({ name: 'one' }), 'primary')).toMatchObject({ metadata: { namespace: 'default' } });
  });

  it('of a kind without namespaces is in none, whatever it says', () => {
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', namespace: 'x' } };
    expect(parseObject(node, 'primary')).toMatchObject({ metadata: { namespace: '' } });
  });

  it.each<[string, unknown, Manifest]>([
    ['a list', ['x'], { code: 'not-an-object' }],
    ['no kind', { apiVersion: 'v1', metadata: { name: 'x' } }, { code: 'missing-field', field: 'kind' }],
    ['no apiVersion', { kind: 'Service', metadata: { name: 'x' } }, { code: 'missing-field', field: 'apiVersion' }],
    ['no metadata', { apiVersion: 'v1', kind: 'Service' }, { code: 'missing-field', field: 'metadata' }],
    ['no name', service({}), { code: 'missing-field', field: 'metadata.name' }],
    [
      'a name in capitals',
      service({ name: 'One' }),
      { code: 'invalid-name', field: 'metadata.name', object: 'Service/default/One' },
    ],
    ['a Service name with a dot', service({ name: 'a.b' }), { code: 'invalid-name', field: 'metadata.name' }],
    ['a name of 64 characters', service({ name: 'a'.repeat(64) }), { code: 'invalid-name', field: 'metadata.name' }],
    [
      'a namespace that is none',
      service({ name: 'x', namespace: '-x' }),
      { code: 'invalid-name', field: 'metadata.namespace' },
    ],
    [
      'a number as label',
      service({ name: 'x', labels: { v: 1 } }),
      { code: 'invalid-type', field: 'metadata.labels.v' },
    ],
    [
      'a label with spaces',
      service({ name: 'x', labels: { 'a.b/c': 'x y' } }),
      { code: 'invalid-label', field: 'metadata.labels["a.b/c"]' },
    ],
    ['a label name with two slashes', service({ name: 'x', labels: { 'a/b/c': 'x' } }), { code: 'invalid-label' }],
    ['a time that is none', service({ name: 'x', creationTimestamp: 'soon' }), { code: 'invalid-time' }],
  ])('with %s is refused with where and why', (_name, value, expected) => {
    const parsed = parseObject(value, 'primary', { origin });
    expect(parsed).toMatchObject([{ severity: 'error', origin, ...expected }]);
  });

  it('of a list kind is its items, and a bad item spoils no other', () => {
    const list = {
      apiVersion: 'v1',
      kind: 'ServiceList',
      items: [serviceManifest('one'), service({}), serviceManifest('two')],
    };
    const { objects, problems } = parseDocumentObjects(list, 'primary', { origin });
    expect(objects.map(({ metadata }) => metadata.name)).toEqual(['one', 'two']);
    expect(problems).toHaveLength(1);
  });
});

describe('a kind', () => {
  const judge = (apiVersion: string, kind: string, scope: 'primary' | 'discovery-only' = 'primary') =>
    parseObject({ apiVersion, kind, metadata: { name: 'x', namespace: 'sample' } }, scope, { origin });

  it.each([
    ['v1', 'PersistentVolumeClaim'],
    ['apps/v1', 'Deployment'],
    ['batch/v1', 'CronJob'],
    ['rbac.authorization.k8s.io/v1', 'ClusterRole'],
    ['networking.k8s.io/v1', 'NetworkPolicy'],
  ])('of Kubernetes that a mesh has no use for is no finding: %s %s', (apiVersion, kind) => {
    expect(judge(apiVersion, kind)).toBeUndefined();
  });

  it.each([
    ['v1', 'Servce', 'did you mean Service?'],
    ['v1', 'service', 'did you mean Service?'],
    ['discovery.k8s.io/v1', 'EndpointSlices', 'did you mean EndpointSlice?'],
    ['networking.istio.io/v1', 'VirtualServices', 'did you mean VirtualService?'],
    ['security.istio.io/v1', 'VirtualService', 'the apiVersion of VirtualService is networking.istio.io/v1'],
    ['networking.istio.io/v1', 'Nonsense', 'correct the kind'],
    ['networking.istio.io/v9', 'VirtualService', 'use networking.istio.io/v1'],
    ['networking.istio.io/v1', 'EnvoyFilter', 'use networking.istio.io/v1alpha3'],
    ['extensions.istio.io/v1alpha1', 'WasmPlugin', 'is not supported yet'],
    ['gateway.networking.k8s.io/v1', 'HTTPRoute', 'is not supported yet', 'HTTPRoute.gateway.networking.k8s.io'],
  ])(
    'that is misspelled or not supported is an error that says what to do: %s %s',
    (apiVersion, kind, remedy, name = kind) => {
      const parsed = judge(apiVersion, kind);
      expect(parsed).toMatchObject([{ severity: 'error', field: 'kind', object: `${name}/sample/x`, origin }]);
      expect(JSON.stringify(parsed)).toContain(remedy);
    },
  );

  it('of somebody else is a warning', () => {
    expect(judge('cert-manager.io/v1', 'Certificate')).toMatchObject([{ severity: 'warning', code: 'unknown-kind' }]);
  });

  it('of configuration is no business of a cluster that is for discovery only', () => {
    expect(judge('networking.istio.io/v1', 'VirtualService', 'discovery-only')).toBeUndefined();
    expect(judge('networking.istio.io/v1', 'Nonsense', 'discovery-only')).toBeUndefined();
    expect(judge('v1', 'Secret', 'discovery-only')).toBeUndefined();
    expect(judge('networking.istio.io/v1', 'WorkloadEntry', 'discovery-only')).toMatchObject({ kind: 'WorkloadEntry' });
  });
});

describe('lines', () => {
  const text = [
    '# a comment',
    'apiVersion: v1',
    'kind: Service',
    'metadata:',
    '  name: one',
    '---',
    '# another',
    'apiVersion: v1',
    'metadata:',
    '  labels:',
    '    a.b/c: "1"',
    'spec:',
    '  ports:',
    '    - port: 1',
    '    - name: x',
    '      port: 2',
  ].join('\n');

  it('are those of the document and of the field, or of its nearest parent', () => {
    const { documents, errors } = readYamlDocuments(text);
    expect(errors).toEqual([]);
    expect(documents.map(({ line }) => line)).toEqual([2, 8]);
    const lineOf = documents[1]?.lineOf;
    expect(
      ['spec.ports[1].port', 'spec.ports[1].nodePort', 'metadata.labels["a.b/c"]', 'spec'].map((field) =>
        lineOf?.(field),
      ),
    ).toEqual([16, 15, 11, 12]);
  });

  it('move with the text, though unchanged documents are not parsed again', () => {
    const first = readYamlDocuments(text);
    const moved = readYamlDocuments(`# one\n# two\n---\n${text}`, first.cache);
    expect(moved.documents[1]?.line).toBe(11);
    expect(moved.documents[1]?.value).toBe(first.documents[1]?.value);
  });

  it('are given for every syntax error, while other documents are read', () => {
    const { documents, errors } = readYamlDocuments('a: 1\n---\nb: [1\n---\nc: 1\nc: 2\n---\nd: 1\n');
    expect(documents.map(({ value }) => value)).toEqual([{ a: 1 }, { d: 1 }]);
    expect(errors.map(({ line }) => line)).toEqual([3, 6]);
  });
});
