// Istio's ProxyConfig: of the mesh, over it what objects declare, and over that a pod's annotation `proxy.istio.io/config`. In: the
// annotation's YAML and the others. Out: all merged as the agent is to get them, with the few fields that the injection itself obeys; or what is wrong.

import { isMapping } from '../../discovery/convert/field-reader.ts';
import { InjectError } from './inject-error.ts';
import { mappingAt, scalarAt, textsAt, type Mapping } from './json-value.ts';
import { parseYaml } from './parse-yaml.ts';

export const proxyConfigAnnotation = 'proxy.istio.io/config';

type FieldCheck = (value: unknown) => string | undefined;

const text: FieldCheck = (value) => (typeof value === 'string' ? undefined : 'is not text');
const flag: FieldCheck = (value) => (typeof value === 'boolean' ? undefined : 'is neither true nor false');
const mapping: FieldCheck = (value) => (isMapping(value) ? undefined : 'is not a mapping');
const list: FieldCheck = (value) => (Array.isArray(value) ? undefined : 'is not a list');
const anything: FieldCheck = () => undefined;
const number =
  (max: number): FieldCheck =>
  (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max
      ? undefined
      : `is not a whole number from 0 to ${String(max)}`;
const duration: FieldCheck = (value) =>
  typeof value === 'string' && /^\d+(\.\d+)?(h|m|s|ms)(\d+(\.\d+)?(m|s|ms))*$/.test(value)
    ? undefined
    : 'is not a duration such as 5s';
const mode: FieldCheck = (value) =>
  value === 'REDIRECT' || value === 'TPROXY' || value === 'NONE' ? undefined : 'is none of REDIRECT, TPROXY, NONE';
const environment: FieldCheck = (value) =>
  isMapping(value) && Object.values(value).every((each) => typeof each === 'string')
    ? undefined
    : 'is not a mapping of texts (put numbers and booleans in quotes)';

/** https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig */
const fields: Readonly<Record<string, FieldCheck>> = {
  configPath: text,
  binaryPath: text,
  serviceCluster: text,
  tracingServiceName: text,
  drainDuration: duration,
  terminationDrainDuration: duration,
  parentShutdownDuration: duration,
  discoveryAddress: text,
  statsdUdpAddress: text,
  proxyAdminPort: number(65_535),
  statusPort: number(65_535),
  statNameLength: number(100_000),
  concurrency: number(1024),
  proxyBootstrapTemplatePath: text,
  customConfigFile: text,
  interceptionMode: mode,
  holdApplicationUntilProxyStarts: flag,
  proxyMetadata: environment,
  runtimeValues: environment,
  image: mapping,
  tracing: mapping,
  sds: mapping,
  envoyAccessLogService: mapping,
  envoyMetricsService: mapping,
  gatewayTopology: mapping,
  readinessProbe: mapping,
  proxyStatsMatcher: mapping,
  proxyHeaders: mapping,
  privateKeyProvider: mapping,
  extraStatTags: list,
  caCertificatesPem: list,
  meshId: text,
  controlPlaneAuthPolicy: anything,
  zipkinAddress: text,
  fileFlushInterval: duration,
  fileFlushMinSizeKb: number(1_000_000),
  statsCompression: flag,
};

export interface ProxyConfig {
  /** For the agent: its environment variable PROXY_CONFIG. */
  readonly fields: Mapping;
  /** Environment variables of the agent, and of what redirects for it. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly interceptionMode: string | undefined;
  readonly statusPort: number | undefined;
  readonly holdApplication: boolean | undefined;
  readonly imageType: string | undefined;
  readonly concurrency: number | undefined;
  readonly discoveryAddress: string | undefined;
}

/** `declared`: over the mesh's and under the annotation, each over the ones before. Errors: `invalid-annotation`, with the field. */
export function proxyConfig(
  mesh: Mapping,
  declared: readonly Mapping[],
  annotation: string | undefined,
): ProxyConfig | InjectError {
  const base = declared.reduce((config, over) => merged(config, over), mesh);
  if (annotation === undefined) return view(base);
  const parsed = parseYaml(annotation);
  const own = 'value' in parsed ? parsed.value : undefined;
  if (!isMapping(own)) {
    return refused('is not a mapping in YAML: write for example {"concurrency": 2}');
  }
  const wrong = wrongProxyConfig(own);
  return wrong === undefined ? view(merged(base, own)) : refused(wrong);
}

/** What is wrong with the fields of a ProxyConfig; undefined when nothing is. */
export function wrongProxyConfig(config: Mapping): string | undefined {
  for (const [name, value] of Object.entries(config)) {
    const check = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (check === undefined) return `has the field "${name}", which ProxyConfig does not have`;
    const reason = check(value);
    if (reason !== undefined) return `has ${name}: ${JSON.stringify(value)}, which ${reason}`;
  }
  return undefined;
}

function view(config: Mapping): ProxyConfig {
  const numberOf = (name: string): number | undefined => {
    const value = config[name];
    return typeof value === 'number' ? value : undefined;
  };
  const hold = config['holdApplicationUntilProxyStarts'];
  return {
    fields: config,
    metadata: textsAt(config, 'proxyMetadata'),
    interceptionMode: scalarAt(config, 'interceptionMode'),
    statusPort: numberOf('statusPort'),
    holdApplication: typeof hold === 'boolean' ? hold : undefined,
    imageType: scalarAt(config, 'image', 'imageType'),
    concurrency: numberOf('concurrency'),
    discoveryAddress: scalarAt(config, 'discoveryAddress'),
  };
}

/** As protobuf merges messages: mappings by key, all else is replaced. */
function merged(base: Mapping, over: Mapping): Mapping {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    result[key] = isMapping(value) ? merged(mappingAt(base, key), value) : value;
  }
  return result;
}

function refused(reason: string): InjectError {
  return new InjectError('invalid-annotation', `annotation ${proxyConfigAnnotation} ${reason}.`);
}
