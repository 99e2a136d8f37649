// Ports whose name or protocol does not fit what is done with them. In: the mesh. Out: findings on VirtualServices whose routes are of
// another kind than the ports of their host, and on Services whose port is named as HTTP and is, by its number or its
// DestinationRule, TLS.

import { objectKey } from '../model/names.ts';
import type { VirtualServicePolicy } from '../model/policy.ts';
import type { Problem } from '../model/problem.ts';
import { isHttp, type MeshService } from '../model/service.ts';
import { finding, problem } from './finding.ts';
import type { MeshFacts } from './mesh-facts.ts';

export function* protocolFindings(facts: MeshFacts): Generator<Problem> {
  for (const policy of facts.virtualServices) {
    if (!policy.gateways.includes('mesh')) continue;
    for (const host of policy.hosts) {
      const service = facts.mesh.services.get(host);
      if (service !== undefined) yield* unusedRoutes(policy, service);
    }
  }
  for (const service of facts.mesh.services.values()) yield* namedOtherwise(service);
}

function* unusedRoutes(policy: VirtualServicePolicy, { host, ports }: MeshService): Generator<Problem> {
  const http = ports.filter(({ protocol }) => isHttp(protocol)).length;
  const others = ports.filter(({ protocol }) => !isHttp(protocol) && protocol !== 'udp').length;
  const forConnections = policy.tcp.length + policy.tls.length;
  if (http === 0 && policy.http.length > 0 && forConnections === 0) {
    yield finding(policy, {
      code: 'protocol-mismatch',
      field: 'spec.http',
      what: `No port of ${host} speaks HTTP`,
      so: 'the routes for it are not used',
      remedy: 'name a port of the service "http-…" or set its appProtocol, or write routes to spec.tcp',
    });
  }
  if (others === 0 && http > 0 && policy.http.length === 0 && forConnections > 0) {
    yield finding(policy, {
      code: 'protocol-mismatch',
      field: policy.tcp.length > 0 ? 'spec.tcp' : 'spec.tls',
      what: `Every port of ${host} speaks HTTP`,
      so: 'the routes for connections are not used',
      remedy: 'write routes to spec.http, or give the port another protocol',
    });
  }
}

/** Where clients speak TLS to a port by custom. */
const tlsPorts: ReadonlySet<number> = new Set([443, 8443, 6443]);

function* namedOtherwise({ ports, entry, name, namespace }: MeshService): Generator<Problem> {
  for (const [index, port] of ports.entries()) {
    if (port.protocol !== 'http' || !tlsPorts.has(port.port)) continue;
    const isEntry = entry !== undefined;
    const field = `spec.ports[${index}]`;
    const remedy = isEntry ? 'make its protocol HTTPS or TLS' : 'name it "https-…" or "tls-…", or set its appProtocol';
    yield problem(
      { object: entry?.source ?? objectKey('Service', namespace, name) },
      {
        code: 'protocol-mismatch',
        field,
        message: `Port ${port.port} is declared as HTTP, so a client that speaks TLS there is not understood; if it is TLS, ${remedy}.`,
      },
    );
  }
}
