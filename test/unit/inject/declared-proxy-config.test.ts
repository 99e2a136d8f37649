// ProxyConfig objects: what of them is refused, which hold for a pod, and what its proxy is started with because of them.

import { describe, expect, it } from 'vitest';
import type { ProxyConfigPolicy } from '../../../discovery/model/policies/proxy-config.ts';
import { convertPolicy } from '../../../discovery/policy/convert-policy.ts';
import { InjectError } from '../../../server/inject/inject-error.ts';
import { injectPod } from '../../../server/inject/inject-pod.ts';
import { mappingsAt, scalarAt, type Mapping } from '../../../server/inject/json-value.ts';
import { injectionSettings, podOf } from '../../support/injection.ts';
import { objectOf, type Manifest } from '../../support/kube-objects.ts';

const convert = (spec: Manifest, [namespace, name] = ['sample', 'it']) => {
  const metadata = { name, namespace };
  const manifest = { apiVersion: 'networking.istio.io/v1beta1', kind: 'ProxyConfig', metadata, spec };
  return convertPolicy(objectOf(manifest), { domain: 'cluster.local' }) ?? { problems: [] };
};

const declare = (namespace: string, spec: Manifest): ProxyConfigPolicy => {
  const { value, problems } = convert(spec, [namespace, 'it']);
  if (value?.kind !== 'ProxyConfig') throw new Error(JSON.stringify(problems));
  return value;
};

describe('a ProxyConfig', () => {
  it.each([
    ['threads that are no number', { concurrency: 'many' }, 'spec.concurrency'],
    ['too many threads', { concurrency: 100_000 }, 'spec.concurrency'],
    ['a variable without a value', { environmentVariables: { A: 1 } }, 'spec.environmentVariables.A'],
    ['a variable that can have no name', { environmentVariables: { 'A=B': '1' } }, 'spec.environmentVariables["A=B"]'],
    ['an image that is no end of a tag', { image: { imageType: 'a b' } }, 'spec.image.imageType'],
    ['a field of MeshConfig', { drainDuration: '5s' }, 'spec.drainDuration'],
    ['a misspelled field', { image: { type: 'debug' } }, 'spec.image.type'],
    ['a star in its selector', { selector: { matchLabels: { app: '*' } } }, 'spec.selector.matchLabels["app"]'],
  ])('with %s is refused, by the name of the field', (_name, spec, field) => {
    const { value, problems } = convert(spec);
    expect(value).toBeUndefined();
    expect(problems[0]).toMatchObject({ severity: 'error', field });
  });

  it('with a variant that Istio has no image of is taken, and it is said', () => {
    const { value, problems } = convert({ image: { imageType: 'distrolless' } });
    expect(value).toMatchObject({ imageType: 'distrolless' });
    expect(problems).toMatchObject([{ severity: 'warning', code: 'invalid-value', field: 'spec.image.imageType' }]);
    expect(problems[0]?.message).toContain('none of default, debug, distroless');
  });

  it.each(['default', 'debug', 'distroless', ''])('with the variant "%s" is as good as any', (imageType) => {
    expect(convert({ image: { imageType } }).problems).toEqual([]);
  });
});

describe("a pod's proxy", () => {
  const settings = (dataPlane: 'istio' | 'isthmus') =>
    injectionSettings({
      values: { isthmus: { dataPlane, image: 'registry.example/isthmus:1' } },
      mesh: { defaultConfig: { concurrency: 1, proxyMetadata: { MESH: 'mesh', ALL: 'mesh' } } },
    });

  const injected = (
    policies: readonly ProxyConfigPolicy[],
    { annotation, dataPlane = 'istio' }: { annotation?: string; dataPlane?: 'istio' | 'isthmus' } = {},
  ): Mapping => {
    const pod = podOf(annotation === undefined ? {} : { annotations: { 'proxy.istio.io/config': annotation } });
    const declared = { policies, rootNamespace: 'istio-system' };
    const result = injectPod({ pod, namespace: 'sample', settings: settings(dataPlane), declared });
    if (result instanceof InjectError || result.kind !== 'injected') throw new Error(JSON.stringify(result));
    const containers = [
      ...mappingsAt(result.pod, 'spec', 'initContainers'),
      ...mappingsAt(result.pod, 'spec', 'containers'),
    ];
    const proxy = containers.find((each) => scalarAt(each, 'name') === 'istio-proxy');
    if (proxy === undefined) throw new Error('no proxy');
    return proxy;
  };

  const variable = (proxy: Mapping, name: string): string | undefined => {
    const found = mappingsAt(proxy, 'env').findLast((each) => scalarAt(each, 'name') === name);
    return found === undefined ? undefined : scalarAt(found, 'value');
  };

  const everywhere = declare('istio-system', { concurrency: 2, environmentVariables: { ALL: 'root', ROOT: 'root' } });
  const inNamespace = declare('sample', { environmentVariables: { ALL: 'namespace', NAMESPACE: 'namespace' } });
  const own = declare('sample', {
    selector: { matchLabels: { app: 'web' } },
    concurrency: 4,
    environmentVariables: { ALL: 'workload' },
    image: { imageType: 'debug' },
  });
  const strange = declare('sample', { selector: { matchLabels: { app: 'other' } }, concurrency: 9 });
  const elsewhere = declare('other', { concurrency: 9 });

  it('follows the mesh, the root namespace, its namespace and its workload, each over the ones before', () => {
    const config = (policies: readonly ProxyConfigPolicy[]): unknown =>
      JSON.parse(variable(injected(policies), 'PROXY_CONFIG') ?? '{}');
    expect(config([elsewhere, strange])).toMatchObject({
      concurrency: 1,
      proxyMetadata: { MESH: 'mesh', ALL: 'mesh' },
    });
    expect(config([everywhere])).toMatchObject({ concurrency: 2, proxyMetadata: { MESH: 'mesh', ALL: 'root' } });
    const all = [elsewhere, strange, own, inNamespace, everywhere];
    expect(config(all)).toMatchObject({
      concurrency: 4,
      proxyMetadata: { MESH: 'mesh', ROOT: 'root', NAMESPACE: 'namespace', ALL: 'workload' },
      image: { imageType: 'debug' },
    });
    expect(variable(injected(all), 'ALL')).toBe('workload');
    expect(scalarAt(injected(all), 'image')).toMatch(/-debug$/);
  });

  it("goes by the pod's annotation before all of them", () => {
    const proxy = injected([own, everywhere], { annotation: '{"concurrency": 7, "proxyMetadata": {"ALL": "pod"}}' });
    expect(JSON.parse(variable(proxy, 'PROXY_CONFIG') ?? '{}')).toMatchObject({
      concurrency: 7,
      proxyMetadata: { ALL: 'pod', ROOT: 'root' },
    });
    expect(variable(proxy, 'ALL')).toBe('pod');
  });

  it('beside a stock Envoy has its threads and its environment', () => {
    const proxy = injected([own, everywhere], { dataPlane: 'isthmus' });
    expect(proxy['args']).toContain('--concurrency=4');
    expect([variable(proxy, 'ALL'), variable(proxy, 'ROOT')]).toEqual(['workload', 'root']);
  });
});
