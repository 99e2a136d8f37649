// The roots that API servers trust when they call our webhooks: `caBundle` of each webhook of the MutatingWebhookConfigurations that the
// chart installed, which ones are to be written. Pure. An installation is never made here, only completed.

import type { KubernetesObject } from '../../discovery/model/kubernetes-object.ts';
import type { Wanted } from './keep-applied.ts';
import { fieldOf, textOf } from './kube-object.ts';

export const webhookKind = 'MutatingWebhookConfiguration';
export const webhookPlural = 'mutatingwebhookconfigurations';
export const webhookGroup = 'admissionregistration.k8s.io';

const apiVersion = `${webhookGroup}/v1`;

export interface WebhookNames {
  /** The instance's; `default` for none. */
  readonly revision: string;
  readonly systemNamespace: string;
  /** Other names of the revision, each with a configuration of its own. */
  readonly tags: readonly string[];
}

/** As Istio names them. Names of other namespaces end with the namespace. */
export function webhookConfigurationNames({ revision, systemNamespace, tags }: WebhookNames): readonly string[] {
  const ownSuffix = revision === 'default' ? '' : `-${revision}`;
  const namespaceSuffix = systemNamespace === 'istio-system' ? '' : `-${systemNamespace}`;
  return [
    `istio-sidecar-injector${ownSuffix}${namespaceSuffix}`,
    ...tags.map((tag) => `istio-revision-tag-${tag}${namespaceSuffix}`),
  ];
}

/** @param objects MutatingWebhookConfigurations, among others. */
export function dueWebhookBundles(
  objects: ReadonlyMap<string, KubernetesObject>,
  names: readonly string[],
  rootsPem: string,
): readonly Wanted[] {
  const caBundle = Buffer.from(rootsPem).toString('base64');
  const configurations = [...objects.values()].filter(({ kind }) => kind === webhookKind);
  return names.flatMap((name) => {
    const found = configurations.find(({ metadata }) => metadata.name === name);
    if (found === undefined || found.metadata.deleting === true) return [];
    const webhooks = fieldOf(found.body, 'webhooks');
    const list: readonly unknown[] = Array.isArray(webhooks) ? webhooks : [];
    if (list.every((webhook) => textOf(webhook, 'clientConfig', 'caBundle') === caBundle)) return [];
    const written = list.map((webhook) => ({ name: textOf(webhook, 'name'), clientConfig: { caBundle } }));
    return [
      {
        place: { apiVersion, plural: webhookPlural },
        object: { apiVersion, kind: webhookKind, metadata: { name }, webhooks: written },
      },
    ];
  });
}
