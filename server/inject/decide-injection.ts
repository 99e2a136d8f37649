// Whether a pod that was brought to the webhook gets a sidecar: the table of labels, annotations and policy, in Istio's order.
// In: the pod, its namespace and the policy. Out: yes, or the first reason against it.

import { scalarAt, mappingAt, mappingsAt, textsAt, type Mapping } from './json-value.ts';
import { isEmptySelector, matchesSelector, type LabelSelector } from './label-selector.ts';
import { ignoredNamespaces, injectLabel } from './webhook-selectors.ts';

export interface InjectionPolicy {
  /** For pods that say nothing themselves. */
  readonly policy: 'enabled' | 'disabled';
  /** Pods that say nothing themselves and have labels that one of these selects; the first beats the second. */
  readonly neverInject: readonly LabelSelector[];
  readonly alwaysInject: readonly LabelSelector[];
}

export type Decision = { readonly inject: true } | { readonly inject: false; readonly reason: string };

export const statusAnnotation = 'sidecar.istio.io/status';
export const proxyName = 'istio-proxy';

export function decideInjection(pod: Mapping, namespace: string, policy: InjectionPolicy): Decision {
  if (mappingAt(pod, 'spec')['hostNetwork'] === true) {
    return no('it uses the network of its host, whose traffic must not be redirected');
  }
  if (ignoredNamespaces.includes(namespace)) return no(`namespace ${namespace} is never injected`);
  if (isInjected(pod)) return no('it has a sidecar already');
  return decideByWill(pod, policy);
}

/** Marked by us or by Istio, and with the proxy that the mark speaks of: a mark that was copied alone is none. */
export function isInjected(pod: Mapping): boolean {
  if (textsAt(pod, 'metadata', 'annotations')[statusAnnotation] === undefined) return false;
  const containers = [...mappingsAt(pod, 'spec', 'containers'), ...mappingsAt(pod, 'spec', 'initContainers')];
  return containers.some((container) => scalarAt(container, 'name') === proxyName);
}

/** What the pod says beats the selectors, which beat the policy. The label beats the annotation of the same name. */
function decideByWill(pod: Mapping, { policy, neverInject, alwaysInject }: InjectionPolicy): Decision {
  const labels = textsAt(pod, 'metadata', 'labels');
  const where = labels[injectLabel] === undefined ? 'annotation' : 'label';
  const said = labels[injectLabel] ?? textsAt(pod, 'metadata', 'annotations')[injectLabel] ?? '';
  if (['y', 'yes', 'true', 'on'].includes(said.toLowerCase())) return { inject: true };
  if (said !== '') return no(`its ${where} ${injectLabel} is "${said}"`);
  const selects = (selector: LabelSelector): boolean => !isEmptySelector(selector) && matchesSelector(selector, labels);
  if (neverInject.some(selects)) return no('neverInjectSelector selects it');
  if (alwaysInject.some(selects) || policy === 'enabled') return { inject: true };
  return no('the policy is "disabled" and the pod does not ask for a sidecar');
}

function no(reason: string): Decision {
  return { inject: false, reason };
}
