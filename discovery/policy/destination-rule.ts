// A DestinationRule → the subsets of a host and how its endpoints are talked to.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/

import { readChoice } from '../convert/choice.ts';
import { readDuration } from '../convert/duration.ts';
import { checkExportTo } from '../convert/export-to.ts';
import { show, type FieldReader } from '../convert/field-reader.ts';
import type { Conversion } from '../convert/findings.ts';
import type { KubernetesObject } from '../model/kubernetes-object.ts';
import type { ClientTlsMode, DestinationRulePolicy, LoadBalancer, Subset, TrafficPolicy } from '../model/policy.ts';
import { policyOrigin, readSpec, resolveHost, type PolicyContext } from './policy-fields.ts';

export function convertDestinationRule(
  object: KubernetesObject,
  { domain }: PolicyContext,
): Conversion<DestinationRulePolicy> {
  const { spec, findings } = readSpec(object);
  const { namespace } = object.metadata;
  spec.refuse('workloadSelector');
  const text = spec.requiredString('host');
  const host = resolveHost(text === '' ? 'missing' : text, 'spec.host', findings, {
    namespace,
    domain,
    wildcard: 'allowed',
  });
  const policy = spec.object('trafficPolicy');
  const portPolicies = readPortPolicies(policy);
  const trafficPolicy = readTrafficPolicy(policy);
  const subsets = readSubsets(spec);
  const exportTo = checkExportTo(spec.strings('exportTo'), 'spec.exportTo', findings);
  spec.end();
  return findings.conclude({
    kind: 'DestinationRule',
    ...policyOrigin(object),
    exportTo,
    host,
    trafficPolicy,
    portPolicies,
    subsets,
  });
}

function readSubsets(spec: FieldReader): readonly Subset[] {
  const names = new Set<string>();
  return spec.objects('subsets').map((reader) => {
    const name = reader.requiredString('name');
    if (name !== '' && !/^[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?$/.test(name)) {
      const message = `${show(name)} is not a valid name (letters, digits, dots, dashes and underscores): correct it`;
      reader.findings.error('invalid-name', reader.at('name'), message);
    }
    if (names.has(name)) {
      reader.findings.error('duplicate-subset', reader.at('name'), `two subsets are named ${show(name)}: rename one`);
    }
    names.add(name);
    const labels = reader.stringMap('labels');
    const policy = reader.object('trafficPolicy');
    policy?.refuse('portLevelSettings');
    const trafficPolicy = readTrafficPolicy(policy);
    reader.end();
    return { name, labels, trafficPolicy };
  });
}

function readPortPolicies(policy: FieldReader | undefined): ReadonlyMap<number, TrafficPolicy> {
  const policies = new Map<number, TrafficPolicy>();
  for (const reader of policy?.objects('portLevelSettings') ?? []) {
    const port = reader.object('port');
    const number = port?.port('number');
    port?.end();
    if (port === undefined || !port.has('number')) {
      reader.findings.error(
        'missing-field',
        reader.at('port.number'),
        `${reader.at('port.number')} is missing: add it`,
      );
    }
    const settings = readTrafficPolicy(reader);
    if (number !== undefined) policies.set(number, settings);
  }
  return policies;
}

const loadBalancers: Readonly<Record<string, LoadBalancer | undefined>> = {
  UNSPECIFIED: undefined,
  ROUND_ROBIN: 'round-robin',
  LEAST_REQUEST: 'least-request',
  LEAST_CONN: 'least-request',
  RANDOM: 'random',
  PASSTHROUGH: 'passthrough',
};

function readTrafficPolicy(reader: FieldReader | undefined): TrafficPolicy {
  if (reader === undefined) return {};
  reader.refuse('outlierDetection', 'tunnel', 'proxyProtocol', 'retryBudget');
  const balancer = reader.object('loadBalancer');
  balancer?.refuse('consistentHash', 'localityLbSetting', 'warmup', 'warmupDurationSecs');
  const loadBalancer = balancer === undefined ? undefined : readChoice(balancer, 'simple', loadBalancers);
  balancer?.end();
  const pool = reader.object('connectionPool');
  pool?.refuse('http');
  const tcp = pool?.object('tcp');
  tcp?.refuse('maxConnections', 'tcpKeepalive', 'maxConnectionDuration', 'idleTimeout');
  const connectTimeoutMs = tcp === undefined ? undefined : readDuration(tcp, 'connectTimeout', 1);
  tcp?.end();
  pool?.end();
  const { tlsMode, sni } = readTls(reader.object('tls'));
  reader.end();
  return {
    ...(loadBalancer === undefined ? {} : { loadBalancer }),
    ...(tlsMode === undefined ? {} : { tlsMode }),
    ...(sni === undefined ? {} : { sni }),
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
  };
}

const tlsModes: Readonly<Record<string, ClientTlsMode>> = {
  DISABLE: 'disable',
  SIMPLE: 'simple',
  MUTUAL: 'mutual',
  ISTIO_MUTUAL: 'istio-mutual',
};

function readTls(reader: FieldReader | undefined): Pick<TrafficPolicy, 'tlsMode' | 'sni'> {
  if (reader === undefined) return {};
  reader.refuse(
    'clientCertificate',
    'privateKey',
    'caCertificates',
    'credentialName',
    'subjectAltNames',
    'insecureSkipVerify',
    'caCrl',
  );
  const tlsMode = readChoice(reader, 'mode', tlsModes) ?? 'disable';
  if (tlsMode === 'mutual') {
    const message =
      'mode MUTUAL needs a client certificate of its own, which is not supported yet: use ISTIO_MUTUAL or SIMPLE';
    reader.findings.error('unsupported-field', reader.at('mode'), message);
  }
  const sni = reader.string('sni');
  reader.end();
  return { tlsMode, ...(sni === undefined || sni === '' ? {} : { sni }) };
}
