// Mesh-wide configuration as Istio keeps it: a file or ConfigMap with `mesh` (MeshConfig) and `meshNetworks` (MeshNetworks).
// In: YAML text. Out: both, over given defaults; fields that are not obeyed are told as warnings, wrong ones refuse the text.

import { parseDocument } from 'yaml';
import { objectKey, hostname, networkId, clusterId, type Hostname } from '../model/names.ts';
import { keyOf, type KubernetesObject } from '../model/kubernetes-object.ts';
import type {
  DefaultExportTo,
  MeshConfig,
  MeshNetwork,
  MeshNetworkGateway,
  MeshNetworks,
  MeshSettings,
} from '../model/mesh-config.ts';
import type { Problem } from '../model/problem.ts';
import { canonicalAddress, isCidr } from './address.ts';
import { readAccessLogFormat } from './access-log-format.ts';
import { readChoice } from './choice.ts';
import { checkExportTo } from './export-to.ts';
import { readDuration } from './duration.ts';
import { readExtensionProviders } from './extension-providers.ts';
import { FieldReader, isMapping, show } from './field-reader.ts';
import { Findings, type Conversion } from './findings.ts';
import { readGatewayTopology } from './gateway-topology.ts';
import { readLocalitySettings } from './locality-settings.ts';
import { readMeshTraffic } from './mesh-traffic.ts';
import { compareText } from '../model/network-gateway.ts';
import { warnOfUnsupported } from './unsupported-mesh-fields.ts';

/** Reads a ConfigMap manifest, a mapping with `mesh` and `meshNetworks`, or a bare MeshConfig. `place` names the text in messages. */
export function parseMeshSettings(text: string, place: string, defaults: MeshSettings): Conversion<MeshSettings> {
  const parsed = parseYaml(text, place);
  if ('problem' in parsed) return { problems: [parsed.problem] };
  const root = isMapping(parsed.value) ? parsed.value : {};
  const holder = isMapping(root['data']) ? root['data'] : root;
  const isBare = holder['mesh'] === undefined && holder['meshNetworks'] === undefined;
  const mesh = nested(isBare ? parsed.value : holder['mesh'], place);
  const networks = nested(isBare ? undefined : holder['meshNetworks'], place);
  const faults = [mesh, networks].flatMap((part) => ('problem' in part ? [part.problem] : []));
  if ('problem' in mesh || 'problem' in networks) return { problems: faults };
  const config = readMeshConfig(mesh.value, place, defaults.config);
  const meshNetworks = readMeshNetworks(networks.value, place, defaults.meshNetworks);
  const problems = [...config.problems, ...meshNetworks.problems];
  if (config.value === undefined || meshNetworks.value === undefined) return { problems };
  return { value: { config: config.value, meshNetworks: meshNetworks.value }, problems };
}

/** As `parseMeshSettings`, of a ConfigMap object: findings name it. */
export function readMeshConfigMap(object: KubernetesObject, defaults: MeshSettings): Conversion<MeshSettings> {
  const { value, problems } = parseMeshSettings(JSON.stringify(object.body), keyOf(object), defaults);
  return {
    value,
    problems: problems.map((problem) => ({ ...problem, object: keyOf(object), origin: object.origin })),
  };
}

export function readMeshConfig(value: unknown, place: string, defaults: MeshConfig): Conversion<MeshConfig> {
  const { reader, findings } = open('MeshConfig', value, place);
  const outbound = reader.object('outboundTrafficPolicy');
  const policy =
    outbound === undefined
      ? undefined
      : readChoice(outbound, 'mode', { ALLOW_ANY: 'allow-any', REGISTRY_ONLY: 'registry-only' } as const);
  outbound?.warnRest();
  const localityLb = readLocalitySettings(reader, 'localityLbSetting');
  // The rest of it is obeyed where pods are injected, which reads the text itself.
  const gatewayTopology = readGatewayTopology(reader.object('defaultConfig'));
  const accessLogFormat = readAccessLogFormat(reader);
  const traffic = readMeshTraffic(reader, defaults.traffic ?? {});
  const config: MeshConfig = {
    ...defaults,
    trustDomain: reader.string('trustDomain') ?? defaults.trustDomain,
    trustDomainAliases: reader.has('trustDomainAliases')
      ? reader.strings('trustDomainAliases')
      : defaults.trustDomainAliases,
    rootNamespace: reader.string('rootNamespace') ?? defaults.rootNamespace,
    outboundTrafficPolicy: policy ?? defaults.outboundTrafficPolicy,
    connectTimeoutMs: readDuration(reader, 'connectTimeout', 1) ?? defaults.connectTimeoutMs,
    accessLogFile: reader.string('accessLogFile') ?? defaults.accessLogFile,
    ...(accessLogFormat === undefined ? {} : { accessLogFormat }),
    ...(reader.boolean('disableEnvoyListenerLog') === true ? { disableListenerLog: true } : {}),
    ...(Object.keys(traffic).length === 0 ? {} : { traffic }),
    enableAutoMtls: reader.boolean('enableAutoMtls') ?? defaults.enableAutoMtls,
    pathNormalization: readPathNormalization(reader) ?? defaults.pathNormalization,
    defaultExportTo: readDefaultExportTo(reader, defaults),
    ...(gatewayTopology === undefined ? {} : { gatewayTopology }),
    ...(localityLb === undefined ? {} : { localityLb }),
    clusterLocalHosts: reader.has('serviceSettings') ? readServiceSettings(reader) : defaults.clusterLocalHosts,
    extensionProviders: reader.has('extensionProviders') ? readExtensionProviders(reader) : defaults.extensionProviders,
    ...readDefaultProviders(reader),
  };
  reader.raw('enablePrometheusMerge');
  warnOfUnsupported(reader);
  reader.warnRest();
  return findings.conclude(config);
}

function readDefaultExportTo(reader: FieldReader, { defaultExportTo }: MeshConfig): DefaultExportTo {
  const read = (field: string, known: readonly string[]): readonly string[] => {
    if (!reader.has(field)) return known;
    const exportTo = checkExportTo(reader.strings(field), reader.at(field), reader.findings);
    return exportTo.includes('*') ? [] : exportTo;
  };
  return {
    services: read('defaultServiceExportTo', defaultExportTo.services),
    virtualServices: read('defaultVirtualServiceExportTo', defaultExportTo.virtualServices),
    destinationRules: read('defaultDestinationRuleExportTo', defaultExportTo.destinationRules),
  };
}

const pathNormalizations = {
  DEFAULT: 'base',
  NONE: 'none',
  BASE: 'base',
  MERGE_SLASHES: 'merge-slashes',
  DECODE_AND_MERGE_SLASHES: 'decode-and-merge-slashes',
} as const;

function readPathNormalization(outer: FieldReader): MeshConfig['pathNormalization'] | undefined {
  const reader = outer.object('pathNormalization');
  if (reader === undefined) return undefined;
  const normalization = readChoice(reader, 'normalization', pathNormalizations);
  reader.warnRest();
  return normalization;
}

function readDefaultProviders(reader: FieldReader): Pick<MeshConfig, 'defaultProviders'> {
  const providers = reader.object('defaultProviders');
  if (providers === undefined) return {};
  const read = (name: string): readonly string[] | undefined =>
    providers.has(name) ? providers.strings(name) : undefined;
  const defaultProviders = {
    accessLogging: read('accessLogging'),
    tracing: read('tracing'),
    metrics: read('metrics'),
  };
  providers.warnRest();
  return { defaultProviders };
}

function readServiceSettings(reader: FieldReader): MeshConfig['clusterLocalHosts'] {
  const entries: { host: Hostname; clusterLocal: boolean }[] = [];
  for (const setting of reader.objects('serviceSettings')) {
    const settings = setting.object('settings');
    const clusterLocal = settings?.boolean('clusterLocal') ?? false;
    for (const host of setting.strings('hosts')) entries.push({ host: hostname(host), clusterLocal });
    settings?.warnRest();
    setting.warnRest();
  }
  return entries;
}

/** `{networks: {ID: {endpoints: [{fromRegistry} | {fromCidr}], gateways: [{address | registryServiceName, port}]}}}`. */
export function readMeshNetworks(value: unknown, place: string, defaults: MeshNetworks): Conversion<MeshNetworks> {
  if (value === undefined || value === null) return { value: defaults, problems: [] };
  const { reader, findings } = open('MeshNetworks', value, place);
  const networks = reader.object('networks');
  const entries: MeshNetwork[] = [];
  for (const name of (networks?.keys() ?? []).toSorted(compareText)) {
    const entry = networks?.object(name);
    if (entry !== undefined) entries.push(readNetwork(name, entry));
  }
  reader.warnRest();
  return findings.conclude({ networks: entries });
}

function readNetwork(name: string, reader: FieldReader): MeshNetwork {
  const fromRegistries: string[] = [];
  const fromCidrs: string[] = [];
  for (const endpoint of reader.objects('endpoints')) {
    const registry = endpoint.string('fromRegistry');
    const cidr = endpoint.string('fromCidr');
    if (registry !== undefined) fromRegistries.push(registry);
    if (cidr !== undefined && isCidr(cidr)) fromCidrs.push(cidr);
    else if (cidr !== undefined) {
      const message = `${show(cidr)} is not a CIDR block such as "10.0.0.0/8": correct it`;
      endpoint.findings.error('invalid-address', endpoint.at('fromCidr'), message);
    }
    endpoint.warnRest();
  }
  const gateways = reader.objects('gateways').flatMap((gateway) => readGateway(gateway));
  reader.warnRest();
  return { network: networkId(name), fromRegistries: fromRegistries.map((id) => clusterId(id)), fromCidrs, gateways };
}

function readGateway(reader: FieldReader): readonly MeshNetworkGateway[] {
  const port = reader.port('port');
  const service = reader.string('registryServiceName');
  const text = reader.string('address');
  reader.disregard('locality');
  reader.warnRest();
  if (!reader.has('port')) reader.missing('port');
  if (port === undefined) return [];
  if (service !== undefined) return [{ kind: 'service', host: hostname(service), port }];
  const address = text === undefined ? undefined : canonicalAddress(text);
  if (address !== undefined) return [{ kind: 'address', address, port }];
  const message =
    text === undefined
      ? `${reader.path} has neither address nor registryServiceName: add one`
      : `${show(text)} is not an IP address (host names are not supported yet): write an IP address`;
  reader.findings.error('invalid-address', reader.at('address'), message);
  return [];
}

type Parsed = { readonly value: unknown } | { readonly problem: Problem };

function parseYaml(text: string, place: string): Parsed {
  try {
    const document = parseDocument(text, { prettyErrors: true, stringKeys: true });
    const [error] = document.errors;
    if (error !== undefined) return notYaml(place, error.message, error.linePos?.[0].line);
    return { value: document.toJS({ maxAliasCount: 100 }) };
  } catch (cause) {
    return notYaml(place, cause instanceof Error ? cause.message : String(cause), undefined);
  }
}

function notYaml(place: string, message: string, line: number | undefined): Parsed {
  const reason = (message.split('\n')[0] ?? '').replace(/[.:]+$/, '');
  return {
    problem: {
      severity: 'error',
      code: 'yaml-syntax',
      object: objectKey('MeshConfig', '', 'mesh'),
      origin: line === undefined ? { place } : { place, line },
      message: `This is not valid YAML (${reason}): correct it; until then the last good configuration stays in force.`,
    },
  };
}

/** ConfigMaps hold each part as text; a file may hold it as a mapping. */
function nested(value: unknown, place: string): Parsed {
  return typeof value === 'string' ? parseYaml(value, place) : { value };
}

function open(kind: string, value: unknown, place: string): { reader: FieldReader; findings: Findings } {
  const object: KubernetesObject = {
    apiVersion: 'v1',
    kind,
    metadata: { name: 'mesh', namespace: '', labels: {}, annotations: {}, createdAtMs: 0 },
    body: {},
    origin: { place },
  };
  const findings = new Findings(object);
  if (value !== undefined && value !== null && !isMapping(value)) {
    findings.error('not-an-object', '', `${place} does not hold a mapping for ${kind}: write one`);
  }
  return { reader: new FieldReader(isMapping(value) ? value : {}, '', findings), findings };
}
