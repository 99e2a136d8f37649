// Whether a stream is one of a machine that registers, and whether it may. In: the node that it announces, who was proven to be at the
// other end. Out: the machine, a refusal in one sentence, or nothing for a proxy that does not register.

import { isMapping } from '../../discovery/convert/field-reader.ts';
import type { WorkloadGroup } from '../../discovery/convert/workload-group.ts';
import { CaError } from '../../ca/ca-error.ts';
import { parseSpiffeId } from '../../ca/spiffe.ts';
import type { Value } from '../../proto/generated/google.protobuf.ts';
import type { Proxy } from '../proxy/proxy.ts';
import type { Refusal, StreamOpening } from '../stream/snapshot-source.ts';
import type { Machine } from './machine-entry.ts';

export interface Admitted {
  readonly kind: 'admitted';
  readonly machine: Machine;
  readonly group: WorkloadGroup;
}

export type FindGroup = (namespace: string, name: string) => WorkloadGroup | undefined;

/** `proxy`: what `opening.node` says, its namespace and service account compared with the identity already. */
export function admitMachine(
  { node, peer }: StreamOpening,
  proxy: Proxy,
  findGroup: FindGroup,
): Admitted | Refusal | undefined {
  const metadata = node.metadata?.fields ?? {};
  const groupName = metadata['AUTO_REGISTER_GROUP']?.stringValue ?? '';
  if (groupName === '') return undefined;
  const wanted = `WorkloadGroup ${proxy.namespace}/${groupName}`;
  const identity = peer.authenticated && peer.identity !== undefined ? parseSpiffeId(peer.identity) : undefined;
  if (identity === undefined || identity instanceof CaError) {
    return refused('UNAUTHENTICATED', `To register in ${wanted} a machine needs an identity: connect to the TLS port.`);
  }
  const group = findGroup(identity.namespace, groupName);
  if (group === undefined) {
    return refused('INVALID_ARGUMENT', `There is no ${wanted}: create it, or correct --auto-register-group.`);
  }
  if (proxy.type !== 'sidecar') {
    return refused('INVALID_ARGUMENT', 'A gateway does not register as a machine: run the agent as a sidecar.');
  }
  const { serviceAccount } = group;
  if (serviceAccount !== '' && serviceAccount !== identity.serviceAccount) {
    const who = `the identity of the machine is of ${identity.serviceAccount}`;
    return refused('PERMISSION_DENIED', `${wanted} takes machines of service account ${serviceAccount}; ${who}.`);
  }
  const [address = ''] = proxy.addresses;
  return {
    kind: 'admitted',
    group,
    machine: {
      namespace: identity.namespace,
      group: groupName,
      address,
      network: metadata['NETWORK']?.stringValue ?? '',
      locality: proxy.locality,
      isProbed: hasReadinessProbe(metadata['PROXY_CONFIG']),
      from: hostOf(peer.address),
    },
  };
}

/** Of `ADDRESS:PORT`, where an IPv4 address may be written as an IPv6 one. */
function hostOf(peer: string): string {
  const host = peer.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return host.replace(/^::ffff:(?=\d+\.)/i, '');
}

/** ProxyConfig comes as a structure, or as JSON in a string. */
function hasReadinessProbe(config: Value | undefined): boolean {
  if (config?.structValue !== undefined) return config.structValue.fields?.['readinessProbe'] !== undefined;
  if (config?.stringValue === undefined) return false;
  try {
    const parsed: unknown = JSON.parse(config.stringValue);
    return isMapping(parsed) && parsed['readinessProbe'] !== undefined;
  } catch {
    return false;
  }
}

function refused(code: Refusal['code'], message: string): Refusal {
  return { kind: 'refused', code, message };
}
