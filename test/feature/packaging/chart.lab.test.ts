// What Helm makes of the charts in deploy/chart: the same rights as deploy/rbac, the names that proxies look for, and an answer
// in words to values that can't be.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { serverDnsNames } from '../../../ca/server-dns-names.ts';
import { serveCommand } from '../../../server/cli/serve.ts';
import { readServeConfig } from '../../../server/config.ts';
import { chartFile, helmProgram, lintChart, onlyOne, renderChart, renderNotes } from '../../support/helm.ts';
import type { Values } from '../../support/helm.ts';
import { objectPath, type TestObject } from '../../support/kube-api.ts';
import { container, podTemplate, serveArguments } from './pod-template.ts';
import { everything, least, revised, revision, valueSets } from './value-sets.ts';

beforeAll(async () => {
  await helmProgram();
}, 3_600_000);

const chart = 'isthmus';

async function rights(file: string): Promise<readonly TestObject[]> {
  const text = await readFile(resolve(import.meta.dirname, '../../../deploy/rbac', file), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as TestObject);
}

/** What RBAC is about, without labels. */
function rightsIn(objects: readonly TestObject[]): readonly unknown[] {
  return objects
    .filter(({ kind }) => /^ServiceAccount$|Role/.test(kind))
    .map(({ apiVersion, kind, metadata: { name, namespace }, ...rest }) => {
      const { imagePullSecrets: _, ...rights } = rest;
      return {
        apiVersion,
        kind,
        metadata: namespace === undefined ? { name } : { name, namespace },
        ...rights,
      };
    });
}

interface Rule {
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

function rulesIn(object: unknown): readonly Rule[] {
  return (object as { readonly rules: readonly Rule[] }).rules;
}

/** With other names for the namespace and what carries the revision. */
function renamed(objects: readonly TestObject[], names: Readonly<Record<string, string>>): readonly TestObject[] {
  return JSON.parse(JSON.stringify(objects), (_key, value: unknown) =>
    typeof value === 'string' ? (names[value] ?? value) : value,
  ) as readonly TestObject[];
}

describe('rights', () => {
  it('of an instance are those of deploy/rbac/primary.yaml', async () => {
    const expected = rightsIn(await rights('primary.yaml'));
    expect(expected).toHaveLength(5);
    for (const { values } of valueSets.filter((set) => set.values !== revised)) {
      // Each tag has a configuration of its own, and each namespace with gateways a Role.
      const withoutMore = { ...values, revisionTags: [], gatewaySecrets: [] };
      expect(rightsIn(await renderChart({ chart, values: withoutMore }))).toEqual(expected);
    }
  });

  it('to statuses are left out where none is written', async () => {
    const objects = await renderChart({ chart, values: { ...least, objectStatus: false } });
    expect(container(objects).args).toContain('--object-status=off');
    const isOfStatus = ({ resources, verbs }: Rule): boolean =>
      verbs.join() === 'patch' && resources.every((resource) => resource.endsWith('/status'));
    const every = rulesIn(onlyOne(await rights('primary.yaml'), 'ClusterRole'));
    expect(every.some(isOfStatus)).toBe(true);
    expect(rulesIn(onlyOne(objects, 'ClusterRole'))).toEqual(every.filter((rule) => !isOfStatus(rule)));
  });

  it('of a revision in another namespace are the same under its names', async () => {
    const names = {
      isthmus: `isthmus-${revision}`,
      'isthmus-primary': `isthmus-primary-${revision}`,
      'istio-system': 'mesh',
    };
    // Only what is not in a namespace carries the namespace's name.
    const injector = `istio-sidecar-injector-${revision}`;
    const expected = (await rights('primary.yaml')).flatMap((object) =>
      renamed([object], {
        ...names,
        'istio-sidecar-injector': object.kind === 'ClusterRole' ? `${injector}-mesh` : injector,
        'istio-validator-istio-system': `istio-validator-${revision}-mesh`,
      }),
    );
    expect(rightsIn(await renderChart({ chart, values: revised, namespace: 'mesh' }))).toEqual(rightsIn(expected));
  });

  it('to Secrets of gateways are those of deploy/rbac/gateway-secrets.yaml, in every namespace that is named', async () => {
    const expected = rightsIn(await rights('gateway-secrets.yaml'));
    expect(expected).toHaveLength(2);
    const ofGateways = ({ metadata }: TestObject): boolean => metadata.name.startsWith('isthmus-gateway-secrets');
    const all = (await renderChart({ chart, values: everything })).filter(ofGateways);
    const inNamespace = (name: string) => rightsIn(all.filter(({ metadata }) => metadata.namespace === name));
    expect(inNamespace('istio-ingress')).toEqual(expected);
    expect(inNamespace('edge')).toEqual([
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'isthmus-gateway-secrets', namespace: 'edge' },
        rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'watch'] }],
      },
      { ...(expected[1] as TestObject), metadata: { name: 'isthmus-gateway-secrets', namespace: 'edge' } },
    ]);

    const values = { ...revised, gatewaySecrets: [{ namespace: 'istio-ingress', names: ['shop', 'shop-cacert'] }] };
    const names = {
      isthmus: `isthmus-${revision}`,
      'isthmus-gateway-secrets': `isthmus-gateway-secrets-${revision}`,
      'istio-system': 'mesh',
    };
    const ofRevision = (await renderChart({ chart, values, namespace: 'mesh' })).filter(ofGateways);
    expect(rightsIn(ofRevision)).toEqual(rightsIn(renamed(await rights('gateway-secrets.yaml'), names)));
  });

  it('of a remote reader are those of deploy/rbac/remote-reader.yaml', async () => {
    const reader = 'isthmus-remote-reader';
    const expected = await rights('remote-reader.yaml');
    expect(rightsIn(await renderChart({ chart: reader }))).toEqual(rightsIn(expected));
    const values = { serviceAccount: { name: 'of-mesh-1' } };
    const names = { 'isthmus-reader': 'of-mesh-1', 'istio-system': 'mesh' };
    expect(rightsIn(await renderChart({ chart: reader, values, namespace: 'mesh' }))).toEqual(
      rightsIn(renamed(expected, names)),
    );
  });
});

describe('names', () => {
  it('of the Service are those in the server certificate', async () => {
    for (const values of [least, revised]) {
      const service = onlyOne(await renderChart({ chart, values, namespace: 'mesh' }), 'Service');
      const named = values === revised ? { systemNamespace: 'mesh', revision } : { systemNamespace: 'mesh' };
      expect(serverDnsNames(named)).toContain(`${service.metadata.name}.mesh.svc`);
    }
  });

  it('of two revisions differ, and neither Service takes the pods of the other', async () => {
    const [first, second] = await Promise.all([least, revised].map((values) => renderChart({ chart, values })));
    if (first === undefined || second === undefined) throw new Error('both are there');
    const paths = new Set(first.map(objectPath));
    expect(second.map(objectPath).filter((path) => paths.has(path))).toEqual([]);
    for (const [one, other] of [
      [first, second],
      [second, first],
    ] as const) {
      const { selector } = onlyOne(one, 'Service')['spec'] as { readonly selector: Readonly<Record<string, string>> };
      expect(podTemplate(one).metadata.labels).toMatchObject(selector);
      expect(podTemplate(other).metadata.labels).not.toMatchObject(selector);
    }
  });

  it('of pods are those by which Istio and its tools find a control plane', async () => {
    const first = podTemplate(await renderChart({ chart, values: least })).metadata.labels;
    expect(first).toMatchObject({ app: 'istiod', istio: 'pilot', 'istio.io/rev': 'default' });
    // A Service of an istiod without a revision selects `istio: pilot`.
    const second = podTemplate(await renderChart({ chart, values: revised })).metadata.labels;
    expect(second).toMatchObject({ app: 'istiod', istio: 'istiod', 'istio.io/rev': revision });
  });
});

describe('a pod', () => {
  it('is told what the values say', async () => {
    expect(container(await renderChart({ chart, values: everything, namespace: 'mesh' })).args).toEqual([
      'serve',
      '--cluster-id=cluster-1',
      '--network=network1',
      '--system-namespace=mesh',
      '--trust-domain=mesh.example',
      '--revision-tags=prod,stable',
      '--remote=cluster-2=/etc/isthmus/remotes/cluster-2/kubeconfig',
      '--insecure-remote-kubeconfig=files',
      '--stale-policy=degrade',
      '--stale-after=5m',
      '--gateway-probe=on',
      '--object-status=on',
      '--max-certificate-ttl=90d',
      '--max-stream-age=0',
      '--workers=2',
      '--drain=60s',
      '--log-level=info',
      '--insecure-xds',
      '--state-dir=/var/lib/isthmus',
      '--log-level=debug',
    ]);
  });

  it.each(valueSets)('is told what `isthmus serve` understands, with $title', async ({ values }) => {
    const command = serveCommand()
      .exitOverride()
      .action(() => undefined);
    const options = serveArguments(container(await renderChart({ chart, values })), {});
    command.parse(options, { from: 'user' });
    const config = readServeConfig(command.opts(), () => false);
    expect(config).toMatchObject({
      clusterId: 'cluster-1',
      network: values['network'] ?? '',
      primary: { kind: 'in-cluster' },
    });
  });

  it.each(valueSets)('has the ports that its Service and its probes name, with $title', async ({ values }) => {
    const objects = await renderChart({ chart, values });
    const { ports, readinessProbe, livenessProbe } = container(objects);
    const numbers = Object.fromEntries(ports.map(({ name, containerPort }) => [name, containerPort]));
    const service = onlyOne(objects, 'Service')['spec'] as {
      readonly ports: readonly { readonly port: number; readonly targetPort: string }[];
    };
    expect(service.ports.map(({ port, targetPort }) => [port, numbers[targetPort]])).toEqual([
      [15_010, 15_010],
      [15_012, 15_012],
      [443, 15_017],
      [15_014, 15_014],
    ]);
    expect(readinessProbe.httpGet).toEqual({ path: '/ready', port: 'http-debug' });
    expect(numbers['http-debug']).toBe(8080);
    expect(livenessProbe.httpGet).toEqual({ path: '/version', port: 'http-monitoring' });
  });

  it.each(valueSets)('writes to its volumes only, with $title', async ({ values }) => {
    const { securityContext } = container(await renderChart({ chart, values }));
    expect(securityContext).toMatchObject({ readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
  });

  it.each(valueSets)('outlives its drain, with $title', async ({ values }) => {
    const objects = await renderChart({ chart, values });
    const { args, lifecycle } = container(objects);
    const drainSeconds = Number(/^--drain=(\d+)s$/.exec(args.find((arg) => arg.startsWith('--drain=')) ?? '')?.[1]);
    const before = (lifecycle as { preStop: { sleep: { seconds: number } } } | undefined)?.preStop.sleep.seconds ?? 0;
    expect(podTemplate(objects).spec.terminationGracePeriodSeconds).toBeGreaterThan(drainSeconds + before + 5);
  });
});

it('a ConfigMap says what the mesh values say, and there is none when they say nothing', async () => {
  const isMesh = ({ kind, metadata }: TestObject): boolean => kind === 'ConfigMap' && metadata.name === 'istio';
  const map = (await renderChart({ chart, values: everything })).find(isMesh);
  const data = map?.['data'] as Readonly<Record<string, string>>;
  const { config, networks } = everything['mesh'] as Readonly<Record<string, unknown>>;
  expect(parse(data['mesh'] ?? '')).toEqual(config);
  expect(parse(data['meshNetworks'] ?? '')).toEqual({ networks });
  expect((await renderChart({ chart, values: least })).filter(isMesh)).toEqual([]);
});

it('nobody but the node and those named may read what is not for proxies', async () => {
  const values = { ...everything, insecureXds: false };
  const { ingress } = onlyOne(await renderChart({ chart, values }), 'NetworkPolicy')['spec'] as {
    readonly ingress: readonly { readonly ports: readonly { readonly port: string }[]; readonly from?: unknown }[];
  };
  expect(ingress.map(({ ports, from }) => [ports.map(({ port }) => port), from])).toEqual([
    [['https-dns', 'https-webhook'], undefined],
    [['http-debug'], [{ ipBlock: { cidr: '192.0.2.0/24' } }]],
    [['http-monitoring'], [{ namespaceSelector: {} }]],
  ]);
});

it('the autoscaler scales what there is', async () => {
  for (const { values } of valueSets) {
    const objects = await renderChart({ chart, values });
    const scaled = objects.find(({ kind }) => kind === 'HorizontalPodAutoscaler');
    const target = (scaled?.['spec'] as { scaleTargetRef: { kind: string; name: string } } | undefined)?.scaleTargetRef;
    if (target === undefined) continue;
    const workload = onlyOne(objects, target.kind);
    expect(workload.metadata.name).toBe(target.name);
    expect(workload['spec']).not.toHaveProperty('replicas');
  }
});

it.each([
  [0, ['cpu']],
  [400, ['isthmus_connected_proxies to 400']],
])('the autoscaler with %i proxies a replica as its aim follows %j', async (targetConnectedProxies, followed) => {
  const values = { ...least, autoscaling: { enabled: true, targetConnectedProxies } };
  const { spec } = onlyOne(await renderChart({ chart, values }), 'HorizontalPodAutoscaler') as unknown as {
    readonly spec: { readonly metrics: readonly { readonly resource?: { name: string }; readonly pods?: unknown }[] };
  };
  expect(spec.metrics.map(({ resource, pods }) => resource?.name ?? pods)).toEqual(
    followed.map((name) => {
      const [metric, averageValue] = name.split(' to ');
      return averageValue === undefined
        ? name
        : { metric: { name: metric }, target: { type: 'AverageValue', averageValue } };
    }),
  );
});

it('the rule in docs/scale.md offers the metric that the autoscaler asks for, of pods in a namespace', async () => {
  const page = await readFile(resolve(import.meta.dirname, '../../../docs/scale.md'), 'utf8');
  const { rules } = parse(/^```yaml\n(rules:\n.*?)^```$/ms.exec(page)?.[1] ?? '') as {
    readonly rules: readonly [
      {
        readonly seriesQuery: string;
        readonly resources: { readonly overrides: object };
        readonly metricsQuery: string;
      },
    ];
  };
  const [{ seriesQuery, resources, metricsQuery }] = rules;
  const scaled = onlyOne(await renderChart({ chart, values: everything }), 'HorizontalPodAutoscaler');
  const { metrics } = scaled['spec'] as {
    readonly metrics: readonly [{ readonly pods: { readonly metric: { readonly name: string } } }];
  };
  expect(metrics).toHaveLength(1);
  expect(seriesQuery).toBe(`${metrics[0].pods.metric.name}{namespace!="",pod!=""}`);
  expect(resources.overrides).toEqual({ namespace: { resource: 'namespace' }, pod: { resource: 'pod' } });
  expect(metricsQuery).toBe('max(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)');
});

describe('values', () => {
  it.each(valueSets)('are to the liking of helm lint, with $title', async ({ values }) => {
    const { code, stdout, stderr } = await lintChart({ chart, values });
    expect(code === 0 ? '' : stdout + stderr).toBe('');
  });

  it.each<[string, Values, string]>([
    ['no cluster id', {}, "at '/clusterId'"],
    ['a word that is none', { clusterId: 'a', stalePolicy: 'forget' }, "'keep', 'degrade', 'drop'"],
    ['a name that does not exist', { clusterId: 'a', replica: 3 }, "additional properties 'replica' not allowed"],
    ['a revision that is no name', { clusterId: 'a', revision: 'v1.2' }, "at '/revision'"],
    ['a duration without a unit', { clusterId: 'a', staleAfter: '5' }, "at '/staleAfter'"],
    [
      'itself as a remote',
      { clusterId: 'a', remotes: [{ clusterId: 'a', secretName: 's' }] },
      'the cluster of this instance itself',
    ],
    [
      'one remote twice',
      { clusterId: 'a', remotes: ['s', 't'].map((secretName) => ({ clusterId: 'b', secretName })) },
      'b is there twice',
    ],
    [
      'one namespace of gateways twice',
      { clusterId: 'a', gatewaySecrets: ['s', 't'].map((name) => ({ namespace: 'edge', names: [name] })) },
      'edge is there twice',
    ],
    [
      'fewer at most than at least',
      { clusterId: 'a', autoscaling: { enabled: true, maxReplicas: 1 } },
      'below minReplicas',
    ],
  ])('with %s are refused', async (_title, values, words) => {
    await expect(renderChart({ chart, values })).rejects.toThrow(words);
  });

  it.each([chart, 'isthmus-remote-reader'])(
    'of %s each have a default and a sentence that explains them',
    async (name) => {
      const schema = JSON.parse(await readFile(chartFile(name, 'values.schema.json'), 'utf8')) as Schema;
      const defaults = parse(await readFile(chartFile(name, 'values.yaml'), 'utf8')) as Values;
      expect(withoutSentence(schema, 'values')).toEqual([]);
      const { global: _, ...properties } = schema.properties ?? {};
      expect(missing({ ...schema, properties }, defaults, 'values')).toEqual([]);
    },
  );
});

it('the notes say what to do next under the names of the release', async () => {
  const notes = await renderNotes({ chart, values: revised, namespace: 'mesh' });
  expect(notes).toContain('kubectl label namespace mesh topology.istio.io/network=network1');
  expect(notes).toContain('rollout status deployment/istiod-canary');
  expect(notes).toContain('npx isthmus remote-secret --cluster-id OTHER');
  expect(notes).toContain('east-west gateway');
  expect(notes).toContain('istiod-canary.mesh.svc:15012');
});

interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

/** Where a value has no explanation. */
function withoutSentence(schema: Schema, at: string): readonly string[] {
  const inside = [
    ...Object.entries(schema.properties ?? {}).flatMap(([name, each]) => withoutSentence(each, `${at}.${name}`)),
    ...(schema.items?.properties === undefined ? [] : withoutSentence(schema.items, `${at}[]`)),
  ];
  return /^[A-Z].*\.$/s.test(schema.description ?? '') ? inside : [at, ...inside];
}

/** Where the schema has a value that values.yaml does not show. What it shows and the schema lacks, Helm refuses. */
function missing({ properties = {} }: Schema, defaults: Values, at: string): readonly string[] {
  return Object.entries(properties).flatMap(([name, each]) => {
    const value = defaults[name];
    if (value === undefined) return [`${at}.${name}`];
    return missing(each, typeof value === 'object' ? (value as Values) : {}, `${at}.${name}`);
  });
}
