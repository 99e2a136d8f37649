// A mistake in one file of a registry directory: the status names file, line, object and field and says what to do, just that
// object keeps its last good state while the others go on, and the finding goes when the mistake is mended.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clusterId, hostname, networkId } from '../../discovery/model/names.ts';
import { defaultMeshConfig, noMeshNetworks } from '../../discovery/model/mesh-config.ts';
import { ClusterRegistry } from '../../discovery/registry/cluster-registry.ts';
import { DirectorySource } from '../../discovery/source/directory-source.ts';
import { waitFor } from '../support/wait-for.ts';

/** Each object in lines of its own, so that the line of every field is known. */
const good = {
  service: [
    'apiVersion: v1',
    'kind: Service',
    'metadata:',
    '  name: one',
    '  labels:',
    '    team: red',
    'spec:',
    '  selector: {app: one}',
    '  ports:',
    '    - name: http',
    '      port: 80',
  ],
  slice: [
    'apiVersion: discovery.k8s.io/v1',
    'kind: EndpointSlice',
    'metadata:',
    '  name: one-a',
    '  labels:',
    '    kubernetes.io/service-name: one',
    'addressType: IPv4',
    'ports: [{name: http, port: 8080}]',
    'endpoints:',
    '  - addresses:',
    '      - 10.0.0.1',
  ],
  route: [
    'apiVersion: networking.istio.io/v1',
    'kind: VirtualService',
    'metadata:',
    '  name: route',
    'spec:',
    '  hosts: [one]',
    '  http:',
    '    - timeout: 1s',
    '      route:',
    '        - destination: {host: one}',
  ],
  other: ['apiVersion: v1', 'kind: Service', 'metadata:', '  name: other', 'spec:', '  ports:', '    - port: 80'],
};
type Document = keyof typeof good;
const documents: readonly Document[] = ['service', 'slice', 'route', 'other'];

describe('a mistake in a directory', () => {
  let directory: string;
  let registry: ClusterRegistry;
  let stop: AbortController;
  let running: Promise<void>;

  const write = (edited: Partial<Record<Document, readonly string[]>>): Promise<void> =>
    writeFile(
      path.join(directory, 'mesh.yaml'),
      documents.map((name) => (edited[name] ?? good[name]).join('\n')).join('\n---\n'),
    );
  /** 1-based line in the file of a line of a document. */
  const lineOf = (document: Document, line: number): number =>
    documents.slice(0, documents.indexOf(document)).reduce((sum, name) => sum + good[name].length + 1, 0) + line;
  const until = async (what: string, holds: () => boolean): Promise<void> => {
    await waitFor(
      () => registry.status(),
      () => holds(),
      { what, intervalMs: 10 },
    );
  };
  const host = (name: string) => hostname(`${name}.default.svc.cluster.local`);
  const state = () => ({
    service: registry.snapshot.services.get(host('one')),
    endpoints: registry.snapshot.endpoints.get(host('one')),
    policies: [...registry.snapshot.policies.values()],
  });
  const otherPort = (): number | undefined => registry.snapshot.services.get(host('other'))?.ports[0]?.port;

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'registry-'));
    registry = new ClusterRegistry({
      clusterId: clusterId('cluster-1'),
      mode: 'primary',
      source: new DirectorySource({ directory, scope: 'primary', rescanMs: 300, removalGraceMs: 300 }),
      network: networkId(''),
      config: defaultMeshConfig,
      meshNetworks: noMeshNetworks,
      now: Date.now,
    });
    await write({});
    stop = new AbortController();
    running = registry.run(stop.signal);
    await until('a synced cluster', () => registry.synced);
  });
  afterEach(async () => {
    stop.abort();
    await running;
    await rm(directory, { recursive: true });
  });

  it.each<
    [
      string,
      Document,
      number,
      string,
      { code: string; object?: string; field?: string; line?: number; remedy?: string },
    ]
  >([
    ['a YAML error', 'service', 8, '  selector: {app: one', { code: 'yaml-syntax' }],
    ['tabs for indentation', 'slice', 10, '\t- addresses:', { code: 'yaml-syntax' }],
    [
      'a misspelled kind',
      'service',
      2,
      'kind: Servce',
      { code: 'unknown-kind', object: 'Servce//one', field: 'kind', remedy: 'did you mean Service?' },
    ],
    [
      'a kind that has no such version',
      'route',
      2,
      'kind: EnvoyFilter',
      {
        code: 'unknown-version',
        object: 'EnvoyFilter//route',
        field: 'kind',
        remedy: 'use networking.istio.io/v1alpha3',
      },
    ],
    [
      'an invalid name',
      'service',
      4,
      '  name: One_',
      { code: 'invalid-name', object: 'Service/default/One_', field: 'metadata.name' },
    ],
    [
      'an invalid label',
      'service',
      6,
      '    team: "red team"',
      { code: 'invalid-label', object: 'Service/default/one', field: 'metadata.labels["team"]' },
    ],
    [
      'a label that is no text',
      'service',
      6,
      '    team: 7',
      {
        code: 'invalid-type',
        object: 'Service/default/one',
        field: 'metadata.labels.team',
        remedy: 'put it in quotes',
      },
    ],
    [
      'an invalid port',
      'service',
      11,
      '      port: 80000',
      { code: 'invalid-port', object: 'Service/default/one', field: 'spec.ports[0].port' },
    ],
    [
      'an invalid address',
      'slice',
      11,
      '      - 10.0.0.1000',
      { code: 'invalid-address', object: 'EndpointSlice/default/one-a', field: 'endpoints[0].addresses[0]' },
    ],
    ['a field of the wrong sort', 'slice', 9, 'endpoints: 5', { code: 'yaml-syntax' }],
    [
      'an invalid duration',
      'route',
      8,
      '    - timeout: soon',
      { code: 'invalid-duration', object: 'VirtualService/default/route', field: 'spec.http[0].timeout' },
    ],
    [
      'a field that does not exist',
      'route',
      8,
      '    - timeot: 1s',
      {
        code: 'unknown-field',
        object: 'VirtualService/default/route',
        field: 'spec.http[0].timeot',
        remedy: 'correct its spelling',
      },
    ],
    [
      'a field that Envoy has nothing for',
      'route',
      8,
      '    - fault: {delay: {exponentialDelay: 1s}}',
      {
        code: 'unsupported-field',
        object: 'VirtualService/default/route',
        field: 'spec.http[0].fault.delay.exponentialDelay',
        remedy: 'use fixedDelay',
      },
    ],
  ])('such as %s is told, and nothing else suffers', async (_name, document, line, text, expected) => {
    const before = state();
    const broken = good[document].map((old, index) => (index === line - 1 ? text : old));
    const moved = good.other.map((old) => old.replace('80', '81'));
    await write({ [document]: broken, other: moved });
    await until('the finding', () => registry.status().problems.length > 0 && otherPort() === 81);
    const { problems, error, phase } = registry.status();
    const { remedy = 'correct it', ...finding } = expected;
    const { line: _line, ...fields } = finding;
    expect(problems[0]).toMatchObject({ severity: 'error', ...fields, origin: { place: 'mesh.yaml' } });
    // A parser may notice a syntax error only further down in the document.
    const first = finding.code === 'yaml-syntax' ? lineOf(document, 1) : lineOf(document, line);
    const last = finding.code === 'yaml-syntax' ? lineOf(document, good[document].length) : first;
    expect(problems[0]?.origin?.line).toBeGreaterThanOrEqual(first);
    expect(problems[0]?.origin?.line).toBeLessThanOrEqual(last);
    expect(problems[0]?.message).toContain(remedy);
    expect(error).toContain('mesh.yaml:');
    expect(phase).toBe('running');
    expect(state()).toEqual(before);
    await write({});
    await until('a mended file', () => registry.status().problems.length === 0 && otherPort() === 80);
    expect(state()).toEqual(before);
  });

  it('that nests without end is told as an error of its document', async () => {
    await write({ route: ['a: '.concat('['.repeat(20_000))] });
    await until('the finding', () => registry.status().problems.length > 0);
    expect(registry.status().problems[0]).toMatchObject({ code: 'yaml-syntax', origin: { place: 'mesh.yaml' } });
    expect(state().policies).toHaveLength(1);
  });

  it('made a thousand times does not fill the status', async () => {
    const lines = Array.from(
      { length: 1_000 },
      (_, index) => `apiVersion: v1\nkind: Servce\nmetadata: {name: x${index}}`,
    );
    await writeFile(path.join(directory, 'many.yaml'), lines.join('\n---\n'));
    await until('the findings', () => registry.status().problems.length > 0);
    const { problems } = registry.status();
    expect(problems).toHaveLength(501);
    expect(problems.at(-1)).toMatchObject({ code: 'more-problems' });
  });
});
