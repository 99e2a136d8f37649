// Every annotation of a pod that concerns its sidecar: what it may say, and which data plane obeys it. One that can't be obeyed
// refuses the pod by name; nothing is ignored silently.

import {
  anyText,
  boolean,
  componentLogLevels,
  count,
  image,
  interfaces,
  logLevel,
  names,
  oneOf,
  port,
  ports,
  portsOrAll,
  quantity,
  ranges,
  rangesOrAll,
  volumesByName,
  type AnnotationCheck,
} from './annotation-values.ts';
import { injectLabel } from './webhook-selectors.ts';
import { statusAnnotation } from './decide-injection.ts';

/** What stands beside the application: Istio's proxy image, or a stock Envoy with `isthmus agent`. */
export type DataPlane = 'istio' | 'isthmus';

export interface AnnotationRule {
  readonly check: AnnotationCheck;
  /** Set: the annotation refuses a pod of that data plane, for this reason. */
  readonly refusedBy?: Partial<Readonly<Record<DataPlane, string>>>;
}

const onlyIstio = (check: AnnotationCheck, reason: string): AnnotationRule => ({
  check,
  refusedBy: { isthmus: `needs Istio's proxy image: ${reason}` },
});
const never = (reason: string): AnnotationRule => ({ check: anyText, refusedBy: { istio: reason, isthmus: reason } });
const rule = (check: AnnotationCheck): AnnotationRule => ({ check });

const ownStats = 'the statistics of a stock Envoy are those that its bootstrap has';
const retired = 'is no longer obeyed by any proxy: write its field of proxy.istio.io/config instead';

/** Read where the pod is injected; what is not in here and looks as if it should be is a warning. */
export const annotationRules: Readonly<Record<string, AnnotationRule>> = {
  [injectLabel]: rule(anyText),
  [statusAnnotation]: rule(anyText),
  'sidecar.istio.io/dataPlane': rule(oneOf('istio', 'isthmus')),
  'sidecar.istio.io/proxyImage': rule(image),
  'sidecar.istio.io/proxyImageType': onlyIstio(
    oneOf('default', 'debug', 'distroless'),
    'the agent has one image; name another by sidecar.istio.io/proxyImage',
  ),
  'sidecar.istio.io/nativeSidecar': rule(boolean),
  'sidecar.istio.io/init-containers-before-proxy': rule(names),
  'sidecar.istio.io/interceptionMode': rule(oneOf('REDIRECT', 'TPROXY', 'NONE')),
  'sidecar.istio.io/capNetBindService': rule(boolean),
  'sidecar.istio.io/proxyCPU': rule(quantity),
  'sidecar.istio.io/proxyCPULimit': rule(quantity),
  'sidecar.istio.io/proxyMemory': rule(quantity),
  'sidecar.istio.io/proxyMemoryLimit': rule(quantity),
  'sidecar.istio.io/userVolume': rule(volumesByName),
  'sidecar.istio.io/userVolumeMount': rule(volumesByName),
  'sidecar.istio.io/rewriteAppHTTPProbers': rule(boolean),
  'sidecar.istio.io/logLevel': rule(logLevel),
  'sidecar.istio.io/componentLogLevel': onlyIstio(componentLogLevels, 'isthmus agent sets one level for all of Envoy'),
  'sidecar.istio.io/agentLogLevel': rule(anyText),
  'sidecar.istio.io/bootstrapOverride': onlyIstio(names, 'isthmus agent writes the bootstrap itself'),
  'sidecar.istio.io/extraStatTags': onlyIstio(anyText, ownStats),
  'sidecar.istio.io/statsInclusionPrefixes': onlyIstio(anyText, ownStats),
  'sidecar.istio.io/statsInclusionSuffixes': onlyIstio(anyText, ownStats),
  'sidecar.istio.io/statsInclusionRegexps': onlyIstio(anyText, ownStats),
  'sidecar.istio.io/statsHistogramBuckets': onlyIstio(anyText, ownStats),
  'sidecar.istio.io/statsCompression': onlyIstio(boolean, ownStats),
  'sidecar.istio.io/statsEvictionInterval': onlyIstio(anyText, ownStats),
  'sidecar.istio.io/enableCoreDump': never(
    'needs a privileged container that changes its whole node: set kernel.core_pattern on the node instead',
  ),
  'sidecar.istio.io/discoveryAddress': never(retired),
  'sidecar.istio.io/controlPlaneAuthPolicy': never(retired),
  'status.sidecar.istio.io/port': rule(port),
  'readiness.status.sidecar.istio.io/initialDelaySeconds': rule(count),
  'readiness.status.sidecar.istio.io/periodSeconds': rule(count),
  'readiness.status.sidecar.istio.io/failureThreshold': rule(count),
  'readiness.status.sidecar.istio.io/applicationPorts': never(
    'is no longer obeyed by any proxy: give the application a readiness probe instead',
  ),
  'traffic.sidecar.istio.io/includeInboundPorts': rule(portsOrAll),
  'traffic.sidecar.istio.io/excludeInboundPorts': rule(ports),
  'traffic.sidecar.istio.io/includeOutboundPorts': rule(ports),
  'traffic.sidecar.istio.io/excludeOutboundPorts': rule(ports),
  'traffic.sidecar.istio.io/includeOutboundIPRanges': rule(rangesOrAll),
  'traffic.sidecar.istio.io/excludeOutboundIPRanges': rule(ranges),
  'traffic.sidecar.istio.io/excludeInterfaces': rule(interfaces),
  'traffic.sidecar.istio.io/kubevirtInterfaces': rule(interfaces),
  'istio.io/reroute-virtual-interfaces': rule(interfaces),
  'prometheus.istio.io/merge-metrics': rule(boolean),
  'proxy.istio.io/config': rule(anyText),
  'proxy.istio.io/overrides': never('is for Istio to write: declare a container istio-proxy instead'),
  'inject.istio.io/templates': rule(names),
};

/** Names like these that no rule has are most likely misspelt. */
const concerned = /^(sidecar|(readiness\.)?status\.sidecar|traffic\.sidecar|prometheus|inject|proxy)\.istio\.io\//;

export interface AnnotationFindings {
  /** Sentences, each with the annotation's name. */
  readonly refusals: readonly string[];
  readonly warnings: readonly string[];
}

export function checkAnnotations(
  annotations: Readonly<Record<string, string>>,
  dataPlane: DataPlane,
): AnnotationFindings {
  const refusals: string[] = [];
  const warnings: string[] = [];
  for (const [name, text] of Object.entries(annotations)) {
    const found = Object.hasOwn(annotationRules, name) ? annotationRules[name] : undefined;
    if (found === undefined) {
      if (concerned.test(name)) warnings.push(`annotation ${name} is not known and has no effect: is it misspelt?`);
      continue;
    }
    const wrong = found.check(text);
    const refused = found.refusedBy?.[dataPlane];
    if (refused !== undefined) refusals.push(`annotation ${name} ${refused}.`);
    else if (wrong !== undefined) refusals.push(`annotation ${name}: ${JSON.stringify(text)} ${wrong}.`);
  }
  return { refusals, warnings };
}
