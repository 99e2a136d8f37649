// The ports of a workload as a Sidecar declares them, in place of what Services say. In: the Sidecar, and what Services say. Out: a
// port each listener; where a Service has the port, too, it is that Service's.

import { hostname } from '../../discovery/model/names.ts';
import type { MtlsMode, SidecarPolicy } from '../../discovery/model/policy.ts';
import type { InboundPort } from './scope.ts';
import type { ServedPort } from './view-index.ts';

export function ingressPorts(
  { ingress, name, namespace }: SidecarPolicy,
  served: readonly ServedPort[],
  modeOf: (port: number) => MtlsMode,
): readonly InboundPort[] {
  return ingress
    .map(({ port, protocol, bind, uncaptured, endpoint }): InboundPort => {
      const service = served.find((candidate) => candidate.port === port);
      return {
        port,
        protocol,
        mode: modeOf(port),
        host: service?.host ?? hostname(`${name}.${namespace}`),
        serviceName: service?.serviceName ?? name,
        serviceNamespace: service?.serviceNamespace ?? namespace,
        servicePort: service?.servicePort ?? port,
        ...(bind === undefined ? {} : { bind }),
        ...(uncaptured ? { uncaptured: true as const } : {}),
        ...(endpoint === undefined ? {} : { endpoint }),
      };
    })
    .toSorted((a, b) => a.port - b.port);
}
