// Gateways and VirtualServices that miss each other: a reference to a Gateway that does not exist, a VirtualService none of whose
// hosts its Gateway takes, a Gateway that no workload serves, hosts of a Gateway without routes. In: the mesh. Out: findings.

import type { GatewayPolicy, GatewayServer, VirtualServicePolicy } from '../model/policy.ts';
import type { Problem } from '../model/problem.ts';
import { hostMatches, isVisible } from '../mesh/visibility.ts';
import { finding } from './finding.ts';
import type { MeshFacts } from './mesh-facts.ts';

export function* gatewayFindings(facts: MeshFacts): Generator<Problem> {
  const { gateways } = facts.mesh.policies;
  const byName = new Map(gateways.map((gateway) => [`${gateway.namespace}/${gateway.name}`, gateway]));
  const bound = new Map<string, VirtualServicePolicy[]>();
  for (const policy of facts.virtualServices) {
    for (const [index, name] of policy.gateways.entries()) {
      if (name === 'mesh') continue;
      const gateway = byName.get(name);
      if (gateway === undefined) yield unknownGateway(policy, index, name);
      else {
        const list = bound.get(name) ?? [];
        bound.set(name, [...list, policy]);
        if (!policy.hosts.some((host) => takes(gateway, host, policy.namespace))) yield notTaken(policy, index, name);
      }
    }
  }
  for (const [name, gateway] of byName) yield* hostsWithoutRoutes(gateway, bound.get(name) ?? []);
}

function unknownGateway(policy: VirtualServicePolicy, index: number, name: string): Problem {
  return finding(policy, {
    code: 'unknown-gateway',
    field: `spec.gateways[${index}]`,
    what: `There is no Gateway ${name}`,
    so: 'the routes are not used there',
    remedy: 'create it, or correct the name (NAMESPACE/NAME)',
  });
}

function notTaken(policy: VirtualServicePolicy, index: number, name: string): Problem {
  return finding(policy, {
    code: 'host-not-at-gateway',
    field: `spec.gateways[${index}]`,
    what: `No server of Gateway ${name} takes ${policy.hosts.join(', ')} from namespace ${policy.namespace}`,
    so: 'the routes are not used there',
    remedy: 'add a host to spec.servers[].hosts of the Gateway, or correct spec.hosts',
  });
}

/** The namespace and the host of `NAMESPACE/HOST`; any namespace where none is written. */
function parseHost(text: string, own: string): { readonly namespaces: readonly string[]; readonly host: string } {
  const slash = text.indexOf('/');
  if (slash < 0) return { namespaces: ['*'], host: text };
  const namespace = text.slice(0, slash);
  return { namespaces: [namespace === '.' ? own : namespace], host: text.slice(slash + 1) };
}

function takes(gateway: GatewayPolicy, host: string, namespace: string): boolean {
  return gateway.servers.some(({ hosts }) => hosts.some((text) => isTaken(text, gateway.namespace, host, namespace)));
}

function isTaken(text: string, own: string, host: string, namespace: string): boolean {
  const declared = parseHost(text, own);
  const meets = hostMatches(declared.host, host) || hostMatches(host, declared.host);
  return meets && isVisible(declared.namespaces, own, namespace);
}

/** Servers that pass connections on by server name without a route, as between networks, need no VirtualService. */
function needsRoutes({ tlsMode, httpsRedirect }: GatewayServer): boolean {
  return tlsMode !== 'auto-passthrough' && httpsRedirect !== true;
}

function* hostsWithoutRoutes(gateway: GatewayPolicy, bound: readonly VirtualServicePolicy[]): Generator<Problem> {
  for (const [index, server] of gateway.servers.entries()) {
    if (!needsRoutes(server)) continue;
    for (const [number, text] of server.hosts.entries()) {
      const isRouted = bound.some(({ hosts, namespace }) =>
        hosts.some((host) => isTaken(text, gateway.namespace, host, namespace)),
      );
      if (isRouted) continue;
      yield finding(gateway, {
        code: 'gateway-host-without-routes',
        field: `spec.servers[${index}].hosts[${number}]`,
        what: `No VirtualService names this Gateway and a host that ${text} takes`,
        so: 'requests for it are answered with 404, and connections are closed',
        remedy: `write one with gateways: [${gateway.namespace}/${gateway.name}], or remove the host`,
      });
    }
  }
}
