// What is wrong between VirtualServices: two for one host, delegates that don't fit or that nobody names. In: the policies of
// the mesh. Out: a finding on the object that is not used, or not as it says.

import type { PolicyIndex } from '../model/mesh-snapshot.ts';
import type { Hostname, ObjectKey } from '../model/names.ts';
import type { VirtualServicePolicy } from '../model/policy.ts';
import type { Problem } from '../model/problem.ts';
import { keysOfDelegates } from './delegation.ts';

export function virtualServiceFindings(policies: PolicyIndex): readonly Problem[] {
  return [...rivals(policies), ...delegationFindings(policies)];
}

function* rivals({ virtualServices, wildcardVirtualServices }: PolicyIndex): Generator<Problem> {
  for (const [host, candidates] of virtualServices) {
    if (candidates.length > 1) yield* rivalsFor(host, candidates);
  }
  const patterns = new Set(
    wildcardVirtualServices.flatMap(({ hosts }) => hosts.filter((host) => host.startsWith('*'))),
  );
  for (const pattern of patterns) {
    const candidates = wildcardVirtualServices.filter(({ hosts }) => hosts.includes(pattern));
    if (candidates.length > 1) yield* rivalsFor(pattern, candidates);
  }
}

/** `candidates` are in order of precedence. Each younger one is compared with the first that it meets at a gateway. */
function* rivalsFor(host: Hostname, candidates: readonly VirtualServicePolicy[]): Generator<Problem> {
  for (const [index, policy] of candidates.entries()) {
    const older = candidates.slice(0, index).filter((other) => mayMeet(other, policy));
    const inMesh = policy.gateways.includes('mesh')
      ? older.find(({ gateways }) => gateways.includes('mesh'))
      : undefined;
    if (inMesh !== undefined) yield sidecarRival(host, policy, inMesh);
    const atGateway = older.find(
      (other) =>
        catchAllOf(other) >= 0 && other.gateways.some((name) => name !== 'mesh' && policy.gateways.includes(name)),
    );
    const catchAll = catchAllOf(policy);
    if (atGateway === undefined || catchAll < 0) continue;
    yield finding(policy, {
      code: 'conflicting-route',
      field: `spec.http[${catchAll}]`,
      message: `${atGateway.source} is older and has a route for all requests to ${host} at the same gateway, so this one is never used there; give it a match, or remove one of the two.`,
    });
  }
}

function sidecarRival(host: Hostname, policy: VirtualServicePolicy, other: VirtualServicePolicy): Problem {
  const field = `spec.hosts[${policy.hosts.indexOf(host)}]`;
  if (policy.namespace === other.namespace) {
    return finding(policy, {
      code: 'conflicting-host',
      field,
      message: `${other.source} is older and is for ${host} as well, and sidecars follow one, so this one is not used for the host; put all routes into one of them.`,
    });
  }
  return finding(policy, {
    code: 'conflicting-host',
    field,
    message: `${other.source} is for ${host} as well: sidecars follow the one of their own namespace, then that of the service's, then the older, so this one may not be used; put all routes into one of them, or limit both by exportTo.`,
  });
}

/** Empty: every namespace. */
function seenBy({ exportTo, namespace }: VirtualServicePolicy): readonly string[] {
  if (exportTo.includes('*')) return [];
  return exportTo.map((entry) => (entry === '.' ? namespace : entry));
}

/** Whether some namespace sees both. */
function mayMeet(one: VirtualServicePolicy, other: VirtualServicePolicy): boolean {
  const [first, second] = [seenBy(one), seenBy(other)];
  if (first.length === 0) return !second.includes('~');
  return second.length === 0 ? !first.includes('~') : first.some((namespace) => second.includes(namespace));
}

/** The first route that takes every request; -1 when there is none. */
function catchAllOf({ http }: VirtualServicePolicy): number {
  return http.findIndex(({ matches }) => matches.length === 0);
}

function* delegationFindings({ delegation }: PolicyIndex): Generator<Problem> {
  const named = new Set<ObjectKey>();
  for (const { declared, problems } of delegation.delegating.values()) {
    yield* problems;
    for (const key of keysOfDelegates(declared)) named.add(key);
  }
  for (const [key, policy] of delegation.delegates) {
    if (named.has(key)) continue;
    yield finding(policy, {
      code: 'unused-delegate',
      field: 'spec.hosts',
      message: `No VirtualService delegates to this one, and it has no hosts, so its routes are not used; name it in a delegate, or add hosts.`,
    });
  }
}

function finding(
  { source: object, origin }: VirtualServicePolicy,
  { code, field, message }: { readonly code: string; readonly field: string; readonly message: string },
): Problem {
  return { severity: 'warning', code, object, field, ...(origin === undefined ? {} : { origin }), message };
}
