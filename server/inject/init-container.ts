// The init container that redirects the pod's traffic to its proxy, with the arguments of `istio-iptables`, which `isthmus iptables`
// takes as well. In: the context of a pod. Out: a container; none where something else redirects.

import { listOf } from './annotation-values.ts';
import { imageOf } from './proxy-image.ts';
import { mappingAt, type Mapping } from './json-value.ts';
import { metadataEnvironment } from './proxy-environment.ts';
import { proxyUser, type SidecarContext } from './sidecar-context.ts';

export const initName = 'istio-init';

/** Envoy's own statistics and health, which are asked for directly. */
const ownPorts = ['15090', '15021'];

export function initContainer(context: SidecarContext): Mapping | undefined {
  if (!context.redirects) return undefined;
  const { settings, dataPlane } = context;
  const environment = metadataEnvironment(context);
  return {
    name: initName,
    image: imageOf(context, 'init'),
    ...(settings.images.pullPolicy === '' ? {} : { imagePullPolicy: settings.images.pullPolicy }),
    args: [dataPlane === 'istio' ? 'istio-iptables' : 'iptables', ...interceptionArguments(context)],
    ...(environment.length === 0 ? {} : { env: environment }),
    ...(Object.keys(settings.initResources).length > 0 || Object.keys(settings.resources).length > 0
      ? { resources: Object.keys(settings.initResources).length > 0 ? settings.initResources : settings.resources }
      : {}),
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: false,
      runAsGroup: 0,
      runAsNonRoot: false,
      runAsUser: 0,
      seccompProfile: settings.seccompProfile,
    },
  };
}

function interceptionArguments(context: SidecarContext): readonly string[] {
  const { annotations, traffic, interceptionMode, statusPort } = context;
  const excluded = [
    ...ownPorts,
    ...(statusPort === 0 ? [] : [String(statusPort)]),
    ...listOf(traffic.excludeInboundPorts),
  ];
  const pairs: [flag: string, value: string][] = [
    ['-p', '15001'],
    ['-z', '15006'],
    ['-u', userOf(context)],
    ['-m', interceptionMode],
    ['-i', traffic.includeIpRanges],
    ['-x', traffic.excludeIpRanges],
    ['-b', traffic.includeInboundPorts],
    ['-d', [...new Set(excluded)].join(',')],
  ];
  if (traffic.includeOutboundPorts !== '') pairs.push(['-q', traffic.includeOutboundPorts]);
  if (traffic.excludeOutboundPorts !== '') pairs.push(['-o', traffic.excludeOutboundPorts]);
  const rerouted =
    annotations['istio.io/reroute-virtual-interfaces'] ?? annotations['traffic.sidecar.istio.io/kubevirtInterfaces'];
  if (rerouted !== undefined) pairs.push(['-k', rerouted]);
  const interfaces = annotations['traffic.sidecar.istio.io/excludeInterfaces'];
  if (interfaces !== undefined) pairs.push(['-c', interfaces]);
  return pairs.flat();
}

/** The user that the pod's own `istio-proxy` asks for, so that its traffic is left alone; root would leave everything alone. */
function userOf({ userProxy }: SidecarContext): string {
  const user = mappingAt(userProxy, 'securityContext')['runAsUser'];
  return typeof user === 'number' && user !== 0 ? String(user) : String(proxyUser);
}
