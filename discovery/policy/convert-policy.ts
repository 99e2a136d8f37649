// A declared configuration object → the policy it states. In: the object. Out: the policy, or why it is refused.

import type { Conversion } from '../convert/findings.ts';
import type { KubernetesObject } from '../model/kubernetes-object.ts';
import type { Policy } from '../model/policy.ts';

export interface PolicyContext {
  /** DNS domain of services, to complete short host names. */
  readonly domain: string;
}

export function isPolicyKind(kind: string): boolean {
  return kind === 'VirtualService' || kind === 'DestinationRule' || kind === 'PeerAuthentication' || kind === 'Gateway';
}

export function convertPolicy(_object: KubernetesObject, _context: PolicyContext): Conversion<Policy> {
  return { problems: [] };
}
