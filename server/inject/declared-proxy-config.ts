// What ProxyConfigs say of a pod: that of the root namespace, over it that of its namespace, over that the one that selects it; of two of one
// rank the older holds. Out: fields of a ProxyConfig as MeshConfig writes them, over which the pod's annotation goes.

import type { ProxyConfigPolicy } from '../../discovery/model/policies/proxy-config.ts';
import type { Mapping } from './json-value.ts';

export interface DeclaredProxyConfigs {
  /** The oldest first. */
  readonly policies: readonly ProxyConfigPolicy[];
  readonly rootNamespace: string;
}

export const noProxyConfigs: DeclaredProxyConfigs = Object.freeze({ policies: [], rootNamespace: '' });

export interface PodPlace {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function declaredProxyConfigs(declared: DeclaredProxyConfigs, pod: PodPlace): readonly Mapping[] {
  const { policies, rootNamespace } = declared;
  const ofAll = (namespace: string): ProxyConfigPolicy | undefined =>
    policies.find((policy) => policy.namespace === namespace && !selects(policy));
  const own = policies.find(
    (policy) => policy.namespace === pod.namespace && selects(policy) && fits(policy, pod.labels),
  );
  const general = pod.namespace === rootNamespace ? [] : [ofAll(pod.namespace)];
  return [ofAll(rootNamespace), ...general, own].flatMap((policy) => (policy === undefined ? [] : [asFields(policy)]));
}

function selects({ selector }: ProxyConfigPolicy): boolean {
  return Object.keys(selector).length > 0;
}

function fits({ selector }: ProxyConfigPolicy, labels: PodPlace['labels']): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}

function asFields({ concurrency, environment, imageType }: ProxyConfigPolicy): Mapping {
  return {
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(Object.keys(environment).length === 0 ? {} : { proxyMetadata: environment }),
    ...(imageType === undefined ? {} : { image: { imageType } }),
  };
}
