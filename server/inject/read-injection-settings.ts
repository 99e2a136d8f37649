// Settings from what Istio keeps in ConfigMap `istio-sidecar-injector`: `config` (policy, selectors, templates) and `values` (images,
// resources, defaults), and from the mesh configuration. What is left out has a default. Out: frozen settings, or what is wrong.

import { isMapping } from '../../discovery/convert/field-reader.ts';
import type { DataPlane } from './annotation-rules.ts';
import { ports, portsOrAll, ranges, rangesOrAll } from './annotation-values.ts';
import { InjectError } from './inject-error.ts';
import type {
  ImageSettings,
  InjectionSettings,
  InstanceFacts,
  Interception,
  ProbeSettings,
  TrafficSettings,
} from './injection-settings.ts';
import { mappingAt, mappingsAt, scalarAt, textsAt, type Mapping } from './json-value.ts';
import type { LabelSelector } from './label-selector.ts';
import { overlayTemplates } from './overlay-templates.ts';
import { wrongProxyConfig } from './proxy-config.ts';
import { readSelectors } from './read-selectors.ts';

export interface SettingsSources {
  readonly instance: InstanceFacts;
  /** Of the ConfigMap, parsed; empty when there is none. */
  readonly config: Mapping;
  readonly values: Mapping;
  /** MeshConfig, parsed. */
  readonly mesh: Mapping;
}

export const defaultResources: Mapping = Object.freeze({
  requests: { cpu: '100m', memory: '128Mi' },
  limits: { cpu: '2000m', memory: '1024Mi' },
});

/** Errors: `invalid-settings`, in one sentence that names the field. */
export function readInjectionSettings({
  instance,
  config,
  values,
  mesh,
}: SettingsSources): InjectionSettings | InjectError {
  const templates = overlayTemplates(config);
  if (templates instanceof InjectError) return templates;
  const neverInject = readSelectors(config, 'neverInjectSelector');
  if (neverInject instanceof InjectError) return neverInject;
  const alwaysInject = readSelectors(config, 'alwaysInjectSelector');
  if (alwaysInject instanceof InjectError) return alwaysInject;
  const proxyConfig = mappingAt(mesh, 'defaultConfig');
  const wrong =
    wrongDefaults(proxyConfig) ??
    wrongWord(config, values) ??
    wrongTraffic(trafficOf(values)) ??
    wrongSorts(values) ??
    missingImage(values);
  if (wrong !== undefined) return new InjectError('invalid-settings', `${wrong}.`);
  return Object.freeze({
    ...settingsOf({ instance, config, values, mesh }, proxyConfig),
    templates,
    neverInject,
    alwaysInject,
  });
}

type Checked = {
  readonly templates: ReadonlyMap<string, Mapping>;
  readonly neverInject: readonly LabelSelector[];
  readonly alwaysInject: readonly LabelSelector[];
};

function settingsOf(
  { instance, config, values, mesh }: SettingsSources,
  proxyConfig: Mapping,
): Omit<InjectionSettings, keyof Checked> {
  const proxy = mappingAt(values, 'global', 'proxy');
  const own = mappingAt(values, 'isthmus');
  const fsGroup = own['fsGroup'];
  const templates = namesOf(config['defaultTemplates']);
  return {
    ...instance,
    network: scalarAt(values, 'global', 'network') || instance.network,
    clusterId: scalarAt(values, 'global', 'multiCluster', 'clusterName') || instance.clusterId,
    domain: scalarAt(proxy, 'clusterDomain') ?? instance.domain,
    meshId: scalarAt(proxyConfig, 'meshId') ?? (scalarAt(values, 'global', 'meshID') || instance.trustDomain),
    policy: scalarAt(config, 'policy') === 'disabled' ? 'disabled' : 'enabled',
    dataPlane: dataPlaneOf(own),
    images: imagesOf(values),
    interception: interceptionOf(values),
    nativeSidecars: instance.canBeNative && own['nativeSidecars'] !== false,
    holdApplication: proxy['holdApplicationUntilProxyStarts'] === true,
    traffic: trafficOf(values),
    probes: probesOf(values, proxyConfig),
    logLevel: scalarAt(proxy, 'logLevel') ?? 'warning',
    componentLogLevel: scalarAt(proxy, 'componentLogLevel') ?? 'misc:error',
    agentLogLevel: scalarAt(values, 'global', 'logging', 'level') ?? 'default:info',
    logAsJson: mappingAt(values, 'global')['logAsJson'] === true,
    resources: isMapping(proxy['resources']) ? proxy['resources'] : defaultResources,
    initResources: mappingAt(values, 'global', 'proxy_init', 'resources'),
    lifecycle: mappingAt(proxy, 'lifecycle'),
    seccompProfile: nonEmpty(mappingAt(proxy, 'seccompProfile')) ?? { type: 'RuntimeDefault' },
    fsGroup: typeof fsGroup === 'number' ? fsGroup : undefined,
    mergePrometheus: mesh['enablePrometheusMerge'] !== false,
    proxyConfig,
    defaultTemplates: templates.length === 0 ? ['sidecar'] : templates,
    aliases: new Map(Object.entries(mappingAt(config, 'aliases')).map(([name, list]) => [name, namesOf(list)])),
    injectedAnnotations: textsAt(config, 'injectedAnnotations'),
  };
}

function imagesOf(values: Mapping): ImageSettings {
  const global = mappingAt(values, 'global');
  const secrets = global['imagePullSecrets'];
  return {
    hub: scalarAt(global, 'hub') ?? 'docker.io/istio',
    tag: scalarAt(global, 'tag') ?? '1.27.1',
    proxy: scalarAt(global, 'proxy', 'image') ?? 'proxyv2',
    proxyInit: scalarAt(global, 'proxy_init', 'image') ?? scalarAt(global, 'proxy', 'image') ?? 'proxyv2',
    agent: scalarAt(values, 'isthmus', 'image') ?? '',
    pullPolicy: scalarAt(global, 'imagePullPolicy') ?? '',
    pullSecrets: [...namesOf(secrets), ...mappingsAt(secrets).map((each) => scalarAt(each, 'name') ?? '')].filter(
      (name) => name !== '',
    ),
  };
}

function interceptionOf(values: Mapping): Interception {
  const said = scalarAt(values, 'isthmus', 'interception');
  if (said === 'none' || said === 'init') return said;
  const cni = mappingAt(values, 'istio_cni')['enabled'] ?? mappingAt(values, 'pilot', 'cni')['enabled'];
  return cni === true ? 'none' : 'init';
}

function dataPlaneOf(own: Mapping): DataPlane {
  return own['dataPlane'] === 'isthmus' ? 'isthmus' : 'istio';
}

function trafficOf(values: Mapping): TrafficSettings {
  const said = (name: string, otherwise: string): string => scalarAt(values, 'global', 'proxy', name) || otherwise;
  return {
    includeInboundPorts: said('includeInboundPorts', '*'),
    excludeInboundPorts: said('excludeInboundPorts', ''),
    includeOutboundPorts: said('includeOutboundPorts', ''),
    excludeOutboundPorts: said('excludeOutboundPorts', ''),
    includeIpRanges: said('includeIPRanges', '*'),
    excludeIpRanges: said('excludeIPRanges', ''),
  };
}

function probesOf(values: Mapping, proxyConfig: Mapping): ProbeSettings {
  const proxy = mappingAt(values, 'global', 'proxy');
  const startup = mappingAt(proxy, 'startupProbe');
  return {
    statusPort: number(proxyConfig['statusPort'], number(proxy['statusPort'], 15_020)),
    initialDelaySeconds: number(proxy['readinessInitialDelaySeconds'], 0),
    periodSeconds: number(proxy['readinessPeriodSeconds'], 15),
    failureThreshold: number(proxy['readinessFailureThreshold'], 4),
    startupEnabled: startup['enabled'] !== false,
    startupFailureThreshold: number(startup['failureThreshold'], 600),
    rewrite: mappingAt(values, 'sidecarInjectorWebhook')['rewriteAppHTTPProbe'] !== false,
  };
}

function number(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}

function wrongDefaults(proxyConfig: Mapping): string | undefined {
  const wrong = wrongProxyConfig(proxyConfig);
  return wrong === undefined ? undefined : `defaultConfig of the mesh configuration ${wrong}`;
}

function wrongWord(config: Mapping, values: Mapping): string | undefined {
  const own = mappingAt(values, 'isthmus');
  const words: readonly (readonly [string, unknown, readonly string[]])[] = [
    ['policy', config['policy'], ['enabled', 'disabled']],
    ['isthmus.dataPlane', own['dataPlane'], ['istio', 'isthmus']],
    ['isthmus.interception', own['interception'], ['init', 'none']],
    ['global.imagePullPolicy', mappingAt(values, 'global')['imagePullPolicy'], ['', 'Always', 'IfNotPresent', 'Never']],
  ];
  for (const [name, value, allowed] of words) {
    if (value === undefined || value === null || allowed.some((word) => word === value)) continue;
    return `${name} is ${JSON.stringify(value)}: use ${allowed.filter((word) => word !== '').join(' or ')}`;
  }
  return undefined;
}

function wrongTraffic(traffic: TrafficSettings): string | undefined {
  const checks = {
    includeInboundPorts: portsOrAll,
    excludeInboundPorts: ports,
    includeOutboundPorts: ports,
    excludeOutboundPorts: ports,
    includeIpRanges: rangesOrAll,
    excludeIpRanges: ranges,
  };
  for (const [name, check] of Object.entries(checks)) {
    const reason = check(scalarAt(traffic, name) ?? '');
    if (reason !== undefined) return `global.proxy.${name.replace('Ip', 'IP')} ${reason}`;
  }
  return undefined;
}

/** Values whose sort can't be guessed from what was written. */
function wrongSorts(values: Mapping): string | undefined {
  const own = mappingAt(values, 'isthmus');
  const { nativeSidecars, fsGroup } = own;
  if (nativeSidecars !== undefined && typeof nativeSidecars !== 'boolean') {
    return 'isthmus.nativeSidecars is neither true nor false';
  }
  if (fsGroup !== undefined && fsGroup !== null && !Number.isInteger(fsGroup))
    return 'isthmus.fsGroup is not a group id';
  return undefined;
}

/** There is no image with a stock Envoy and the agent that everybody could pull. */
function missingImage(values: Mapping): string | undefined {
  const own = mappingAt(values, 'isthmus');
  if (dataPlaneOf(own) === 'istio' || (scalarAt(own, 'image') ?? '') !== '') return undefined;
  return 'isthmus.dataPlane is isthmus and isthmus.image names no image: build one with Envoy and the agent (docs/install.md) and name it there, or with --image of isthmus inject';
}

function namesOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each: unknown) => typeof each === 'string') : [];
}

function nonEmpty(value: Mapping): Mapping | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}
