// A ProxyConfig → what the proxies of new pods are started with.
// https://istio.io/latest/docs/reference/config/networking/proxy-config/

import { show, type FieldReader } from '../convert/field-reader.ts';
import type { Conversion } from '../convert/findings.ts';
import type { KubernetesObject } from '../model/kubernetes-object.ts';
import type { ProxyConfigPolicy } from '../model/policies/proxy-config.ts';
import { policyOrigin, readSpec } from './policy-fields.ts';
import { readWorkloadSelector } from './workload-selector.ts';

const maxThreads = 1024;

/** Of Istio's own image. */
const imageTypes = ['default', 'debug', 'distroless'];

export function convertProxyConfig(object: KubernetesObject): Conversion<ProxyConfigPolicy> {
  const { spec, findings } = readSpec(object);
  const selector = readWorkloadSelector(spec);
  const concurrency = spec.integer('concurrency', 0, maxThreads);
  const imageType = readImageType(spec);
  const policy: ProxyConfigPolicy = {
    kind: 'ProxyConfig',
    ...policyOrigin(object),
    exportTo: [],
    selector,
    environment: readEnvironment(spec),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(imageType === undefined ? {} : { imageType }),
  };
  spec.end();
  return findings.conclude(policy);
}

function readImageType(spec: FieldReader): string | undefined {
  const image = spec.object('image');
  const type = image?.string('imageType');
  image?.end();
  if (type === undefined || type === '') return undefined;
  const field = image?.at('imageType') ?? '';
  if (/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(type)) {
    if (!imageTypes.includes(type)) {
      const message = `${show(type)} is none of ${imageTypes.join(', ')}, so tags of Istio's image end in -${type}; correct it unless the registry has such an image`;
      spec.findings.warn('invalid-value', field, message);
    }
    return type;
  }
  spec.findings.error('invalid-value', field, `${show(type)} can't be the end of an image's tag: correct it`);
  return undefined;
}

function readEnvironment(spec: FieldReader): Readonly<Record<string, string>> {
  const environment = spec.stringMap('environmentVariables');
  for (const name of Object.keys(environment)) {
    if (/^[!-<>-~]+$/.test(name)) continue;
    const field = `${spec.at('environmentVariables')}[${JSON.stringify(name)}]`;
    spec.findings.error('invalid-value', field, `${show(name)} is not the name of a variable: correct it`);
  }
  return environment;
}
