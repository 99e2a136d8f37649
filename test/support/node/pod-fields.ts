// The downward API: what a pod's containers are told about the pod. In: a pod as the API server has it with what its node gave
// it. Out: texts.

import type { V1ObjectFieldSelector, V1Pod, V1ResourceFieldSelector } from '@kubernetes/client-node';
import { divided } from './quantity.ts';

/** What the node gave a pod. */
export interface PodPlace {
  readonly podIp: string;
  readonly hostIp: string;
  readonly nodeName: string;
}

/** As a node with two CPUs and 4 GiB has them when a container names no limit. */
const nodeLimits: Readonly<Record<string, string>> = { cpu: '2', memory: '4Gi', 'ephemeral-storage': '10Gi' };

/** Throws for a field that Kubernetes does not offer. */
export function fieldOf(pod: V1Pod, place: PodPlace, { fieldPath }: V1ObjectFieldSelector): string {
  const { metadata, spec } = pod;
  const [, map = '', key = ''] = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(fieldPath) ?? [];
  if (map !== '') return (map === 'labels' ? metadata?.labels : metadata?.annotations)?.[key] ?? '';
  switch (fieldPath) {
    case 'metadata.name':
      return metadata?.name ?? '';
    case 'metadata.namespace':
      return metadata?.namespace ?? '';
    case 'metadata.uid':
      return metadata?.uid ?? '';
    case 'metadata.labels':
      return lines(metadata?.labels);
    case 'metadata.annotations':
      return lines(metadata?.annotations);
    case 'spec.nodeName':
      return place.nodeName;
    case 'spec.serviceAccountName':
      return spec?.serviceAccountName ?? '';
    case 'status.podIP':
    case 'status.podIPs':
      return place.podIp;
    case 'status.hostIP':
    case 'status.hostIPs':
      return place.hostIp;
    default:
      throw new Error(`there is no field ${fieldPath}`);
  }
}

/** Throws when the container or the resource is not there. */
export function resourceOf(pod: V1Pod, containerName: string, selector: V1ResourceFieldSelector): string {
  const name = selector.containerName ?? containerName;
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const container = all.find((each) => each.name === name);
  if (container === undefined) throw new Error(`there is no container ${name}`);
  const [kind = '', resource = ''] = selector.resource.split(/\.(.*)/s);
  const limit = container.resources?.limits?.[resource] ?? nodeLimits[resource];
  const value = kind === 'limits' ? limit : (container.resources?.requests?.[resource] ?? '0');
  if (value === undefined) throw new Error(`there is no resource ${selector.resource}`);
  return divided(value, selector.divisor);
}

function lines(map: Readonly<Record<string, string>> = {}): string {
  const entries = Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join('\n');
}
