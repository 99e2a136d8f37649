// The container `istio-proxy`. In: the context of a pod. Out: the container as Istio has it, with Istio's image and `pilot-agent`, or with
// a stock Envoy and `isthmus agent`.

import { agentArguments } from './agent-arguments.ts';
import { isTrueText } from './annotation-values.ts';
import { proxyName } from './decide-injection.ts';
import type { Mapping } from './json-value.ts';
import { commonEnvironment, istioEnvironment, plain } from './proxy-environment.ts';
import { imageOf } from './proxy-image.ts';
import { proxyLifecycle } from './proxy-lifecycle.ts';
import { proxyProbes } from './proxy-probes.ts';
import { proxyResources } from './proxy-resources.ts';
import { proxyUser, type SidecarContext } from './sidecar-context.ts';

export function proxyContainer(context: SidecarContext, mounts: readonly Mapping[]): Mapping {
  const { settings, dataPlane } = context;
  const isIstio = dataPlane === 'istio';
  const lifecycle = proxyLifecycle(context);
  return {
    name: proxyName,
    image: imageOf(context, 'proxy'),
    ...(settings.images.pullPolicy === '' ? {} : { imagePullPolicy: settings.images.pullPolicy }),
    args: isIstio ? pilotAgentArguments(context) : agentArguments(context),
    env: isIstio ? istioEnvironment(context) : [...agentEnvironment(context), ...commonEnvironment(context)],
    ports: [{ name: 'http-envoy-prom', containerPort: 15_090, protocol: 'TCP' }],
    ...proxyProbes(context),
    ...(lifecycle === undefined ? {} : { lifecycle }),
    resources: proxyResources(context),
    securityContext: securityContext(context),
    volumeMounts: mounts,
    // https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    ...(context.isNative ? { restartPolicy: 'Always' } : {}),
  };
}

function pilotAgentArguments({ role, settings, annotations }: SidecarContext): readonly string[] {
  const said = (name: string, otherwise: string): string => annotations[`sidecar.istio.io/${name}`] ?? otherwise;
  return [
    'proxy',
    role,
    '--domain',
    `$(POD_NAMESPACE).svc.${settings.domain}`,
    `--proxyLogLevel=${said('logLevel', settings.logLevel)}`,
    `--proxyComponentLogLevel=${said('componentLogLevel', settings.componentLogLevel)}`,
    `--log_output_level=${said('agentLogLevel', settings.agentLogLevel)}`,
    ...(settings.logAsJson ? ['--log_as_json'] : []),
  ];
}

function agentEnvironment({ network, clusterId }: SidecarContext): readonly Mapping[] {
  return [
    plain('ISTIO_META_CLUSTER_ID', clusterId),
    ...(network === '' ? [] : [plain('ISTIO_META_NETWORK', network)]),
    { name: 'INSTANCE_IPS', valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } } },
  ];
}

/** What Pod Security `restricted` asks for, except where the pod itself asks for more. */
function securityContext({ annotations, interceptionMode, settings }: SidecarContext): Mapping {
  const isTransparent = interceptionMode === 'TPROXY';
  const bindsLow = isTrueText(annotations['sidecar.istio.io/capNetBindService']);
  const added = [...(isTransparent ? ['NET_ADMIN'] : []), ...(bindsLow ? ['NET_BIND_SERVICE'] : [])];
  return {
    allowPrivilegeEscalation: false,
    capabilities: { ...(added.length === 0 ? {} : { add: added }), drop: ['ALL'] },
    privileged: false,
    readOnlyRootFilesystem: true,
    runAsGroup: proxyUser,
    // Capabilities that are added are in force for root only.
    runAsNonRoot: added.length === 0,
    runAsUser: added.length === 0 ? proxyUser : 0,
    seccompProfile: settings.seccompProfile,
  };
}
