// Everything the agent is told, checked once. In: the command's options as text. Out: one frozen value, or an AgentError `invalid-options`
// that names the option and what would be right.

import { hostname, networkInterfaces } from 'node:os';
import { isIP } from 'node:net';
import { CaError } from '../ca/ca-error.ts';
import { formatSpiffeId, identity } from '../ca/spiffe.ts';
import type { SpiffeId } from '../ca/spiffe.ts';
import { AgentError } from './agent-error.ts';
import type { AdsVariant } from './bootstrap/bootstrap.ts';
import { parseLocality } from './bootstrap/node.ts';
import type { NodeFacts, ProxyType } from './bootstrap/node.ts';
import type { ControlPlaneAddress } from './bootstrap/static-clusters.ts';
import type { DnsConfig } from './dns/start-dns.ts';
import { parseDurationMs } from './duration.ts';
import { parseReadinessProbe } from './machine/readiness-probe.ts';
import type { ReadinessProbe } from './machine/readiness-probe.ts';
import type { Owner } from './owner.ts';
import { parseAppProbes } from './status/app-prober.ts';
import type { AppProbes } from './status/app-prober.ts';

/** The options of `isthmus agent` by their names in camelCase. */
export type AgentOptions = {
  readonly discoveryAddress: string;
  readonly caAddress?: string;
  readonly serverName?: string;
  readonly rootCert: string;
  readonly token?: string;
  readonly keyDir?: string;
  readonly certificateTtl: string;
  readonly trustDomain: string;
  readonly proxyType: string;
  readonly clusterId: string;
  readonly network: string;
  readonly meshId: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podName?: string;
  readonly podIp?: string;
  readonly podPorts?: string;
  readonly workloadName?: string;
  readonly domain?: string;
  readonly label: readonly string[];
  readonly locality?: string;
  /** Absent: as `ISTIO_META_REQUESTED_NETWORK_VIEW` says. */
  readonly requestedNetworkView?: string;
  /** WorkloadGroup of a machine outside Kubernetes; absent: `ISTIO_META_AUTO_REGISTER_GROUP`, else it does not register. */
  readonly autoRegisterGroup?: string;
  /** JSON as the group's `probe`. */
  readonly readinessProbe?: string;
  readonly gatewayTopology?: string;
  readonly interceptionMode: string;
  readonly ads: string;
  readonly workDir?: string;
  readonly sdsSocket?: string;
  readonly adminPort: string;
  readonly healthPort: string;
  readonly prometheusPort: string;
  /** Absent: 15020 where the application has probes for the agent to ask, else none. */
  readonly statusPort?: string;
  /** `on` or `off`; absent: as `ISTIO_META_DNS_CAPTURE` says. */
  readonly dns?: string;
  readonly dnsPort: string;
  readonly dnsUpstream: readonly string[];
  readonly resolvConf: string;
  /** False for `--no-envoy`. */
  readonly envoy?: string | false;
  readonly proxyUid?: string;
  readonly concurrency: string;
  readonly envoyLogLevel: string;
  readonly drain: string;
};

export type AgentConfig = {
  readonly controlPlane: ControlPlaneAddress;
  readonly authority: ControlPlaneAddress;
  readonly rootCertFile: string;
  readonly tokenFile: string | undefined;
  readonly keyDirectory: string | undefined;
  readonly certificateTtlMs: number;
  readonly spiffeId: SpiffeId;
  readonly node: NodeFacts;
  readonly ads: AdsVariant;
  /** Undefined for a temporary one that goes with the agent. */
  readonly workDirectory: string | undefined;
  readonly secretSocketPath: string | undefined;
  readonly ports: { readonly admin: number; readonly health: number; readonly prometheus: number };
  /** Undefined: no such port. */
  readonly status: { readonly port: number; readonly probes: AppProbes } | undefined;
  /** Undefined: DNS is left alone. */
  readonly dns: DnsConfig | undefined;
  /** Undefined: this is no machine that registers by itself. */
  readonly registration: { readonly group: string; readonly probe: ReadinessProbe | undefined } | undefined;
  readonly owner: Owner | undefined;
  /** Undefined for serving secrets only. */
  readonly envoy: { readonly program: string; readonly concurrency: number; readonly logLevel: string } | undefined;
  readonly drainMs: number;
  /** After that, for as long as clients have connections open. */
  readonly drainUntilIdle: boolean;
};

export type AgentSurroundings = {
  /** Numeric user id of this process. */
  readonly uid: number;
  /** `$ENVOY_PATH` */
  readonly envoyPath: string | undefined;
  /** `$ISTIO_META_DNS_CAPTURE`: whether interception sends DNS to the agent. */
  readonly dnsCapture?: string | undefined;
  /** `$ISTIO_META_REQUESTED_NETWORK_VIEW`, as manifests of gateways have it. */
  readonly networkView?: string | undefined;
  /** `$ISTIO_META_AUTO_REGISTER_GROUP` */
  readonly autoRegisterGroup?: string | undefined;
  /** `$ISTIO_KUBE_APP_PROBERS`: what the injector has taken from the kubelet. */
  readonly appProbers?: string | undefined;
  /** `$EXIT_ON_ZERO_ACTIVE_CONNECTIONS` */
  readonly exitWhenIdle?: string | undefined;
  /** Of the control plane's conventions, for the node. */
  readonly version: string;
};

const defaultServerName = 'istiod.istio-system.svc';

export function agentConfig(options: AgentOptions, surroundings: AgentSurroundings): AgentConfig {
  const who = identity({
    trustDomain: options.trustDomain,
    namespace: options.namespace,
    serviceAccount: options.serviceAccount,
  });
  if (who instanceof CaError) throw invalid(who.message, who);
  const registration = registrationOf(options, surroundings);
  return Object.freeze({
    controlPlane: address('--discovery-address', options.discoveryAddress, options.serverName),
    authority: address('--ca-address', options.caAddress ?? options.discoveryAddress, options.serverName),
    rootCertFile: options.rootCert,
    tokenFile: options.token,
    keyDirectory: options.keyDir,
    certificateTtlMs: parseDurationMs('--certificate-ttl', options.certificateTtl),
    spiffeId: formatSpiffeId(who),
    node: nodeFacts(options, surroundings),
    ads: oneOf('--ads', options.ads, ['delta', 'sotw'] as const),
    workDirectory: options.workDir,
    secretSocketPath: options.sdsSocket,
    ports: {
      admin: wholeNumber('--admin-port', options.adminPort, { from: 1, to: 65_535 }),
      health: wholeNumber('--health-port', options.healthPort, { from: 0, to: 65_535 }),
      prometheus: wholeNumber('--prometheus-port', options.prometheusPort, { from: 0, to: 65_535 }),
    },
    status: statusOf(options, surroundings),
    dns: dnsOf(options, surroundings),
    registration,
    owner: ownerOf(options, surroundings),
    envoy: options.envoy === false ? undefined : envoyOf(options, options.envoy, surroundings),
    drainMs: parseDurationMs('--drain', options.drain),
    drainUntilIdle: surroundings.exitWhenIdle === 'true',
  });
}

function statusOf({ statusPort }: AgentOptions, { appProbers }: AgentSurroundings): AgentConfig['status'] {
  const probes = parseAppProbes(appProbers);
  const text = statusPort ?? (probes.size > 0 ? '15020' : '0');
  const port = wholeNumber('--status-port', text, { from: 0, to: 65_535 });
  return port === 0 ? undefined : { port, probes };
}

function registrationOf(
  { autoRegisterGroup, readinessProbe }: AgentOptions,
  surroundings: AgentSurroundings,
): AgentConfig['registration'] {
  const group = autoRegisterGroup ?? surroundings.autoRegisterGroup ?? '';
  const probe = readinessProbe === undefined || readinessProbe === '' ? undefined : parseReadinessProbe(readinessProbe);
  if (group !== '') return { group, probe };
  if (probe !== undefined) throw invalid('--readiness-probe is for machines that register: give --auto-register-group');
  return undefined;
}

function nodeFacts(options: AgentOptions, surroundings: AgentSurroundings): NodeFacts {
  const podName = options.podName ?? hostname();
  const type: ProxyType = oneOf('--proxy-type', options.proxyType, ['sidecar', 'router'] as const);
  const interceptionMode = oneOf('--interception-mode', options.interceptionMode, [
    'REDIRECT',
    'TPROXY',
    'NONE',
  ] as const);
  return {
    type,
    ips: addresses(options.podIp),
    podName,
    namespace: options.namespace,
    dnsDomain: options.domain ?? `${options.namespace}.svc.cluster.local`,
    serviceAccount: options.serviceAccount,
    workloadName: options.workloadName ?? podName,
    clusterId: options.clusterId,
    network: options.network,
    meshId: options.meshId,
    labels: Object.fromEntries(options.label.map((text) => labelPair(text))),
    locality: options.locality === undefined || options.locality === '' ? undefined : parseLocality(options.locality),
    interceptionMode,
    dnsCapture: dnsOf(options, surroundings) !== undefined,
    podPorts: options.podPorts === undefined ? undefined : podPorts(options.podPorts),
    requestedNetworkView: list(options.requestedNetworkView ?? surroundings.networkView ?? ''),
    proxyConfig: proxyConfigOf(options),
    version: surroundings.version,
  };
}

function proxyConfigOf(options: AgentOptions): NodeFacts['proxyConfig'] {
  const { discoveryAddress, concurrency, readinessProbe = '', gatewayTopology = '' } = options;
  const topology: unknown = gatewayTopology === '' ? undefined : parseTopology(gatewayTopology);
  const config = {
    discoveryAddress,
    concurrency: Number(concurrency),
    ...(topology === undefined ? {} : { gatewayTopology: topology }),
  };
  if (readinessProbe === '') return config;
  const probe: unknown = JSON.parse(readinessProbe);
  return { ...config, readinessProbe: probe };
}

function parseTopology(text: string): unknown {
  try {
    const topology: unknown = JSON.parse(text);
    return topology;
  } catch {
    throw invalid(`--gateway-topology: "${text}" is not JSON`);
  }
}

/** The addresses that were given, else those of the machine's first interface that is not the loopback. */
function addresses(text: string | undefined): readonly string[] {
  if (text !== undefined) {
    const given = list(text);
    const wrong = given.find((one) => isIP(one) === 0);
    if (given.length === 0 || wrong !== undefined) throw invalid(`--pod-ip: "${wrong ?? text}" is not an IP address`);
    return given;
  }
  const own = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .filter((one) => !one.internal && !one.address.startsWith('fe80:'))
    .map((one) => one.address);
  if (own.length === 0) throw invalid('no network interface has an address: give one with --pod-ip');
  return own.slice(0, 1);
}

function address(option: string, text: string, serverName: string | undefined): ControlPlaneAddress {
  const [, bracketed, plain, portText = ''] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) throw invalid(`${option}: "${text}" is not HOST:PORT`);
  return {
    host,
    port: wholeNumber(option, portText, { from: 1, to: 65_535 }),
    // Control planes have names in their certificates, not addresses.
    serverName: serverName ?? (isIP(host) === 0 ? host : defaultServerName),
  };
}

function ownerOf({ proxyUid, interceptionMode }: AgentOptions, { uid }: AgentSurroundings): Owner | undefined {
  if (proxyUid === undefined) {
    if (uid !== 0) return undefined;
    // Taking connections as they are needs CAP_NET_ADMIN, which a change of user takes away. The group is left alone all the same.
    return interceptionMode === 'TPROXY' ? { uid: 0, gid: 1337 } : { uid: 1337, gid: 1337 };
  }
  const wanted = wholeNumber('--proxy-uid', proxyUid, { from: 0, to: 4_294_967_294 });
  if (uid !== 0 && wanted !== uid) throw invalid(`--proxy-uid ${wanted}: only root can start Envoy as another user`);
  return uid === 0 ? { uid: wanted, gid: wanted } : undefined;
}

function envoyOf(
  { concurrency, envoyLogLevel }: AgentOptions,
  program: string | undefined,
  { envoyPath }: AgentSurroundings,
): AgentConfig['envoy'] {
  const levels = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'] as const;
  return {
    program: program ?? (envoyPath === undefined || envoyPath === '' ? 'envoy' : envoyPath),
    concurrency: wholeNumber('--concurrency', concurrency, { from: 0, to: 1024 }),
    logLevel: oneOf('--envoy-log-level', envoyLogLevel, levels),
  };
}

function dnsOf(
  { dns, dnsPort, dnsUpstream, resolvConf }: AgentOptions,
  { dnsCapture }: AgentSurroundings,
): DnsConfig | undefined {
  const wanted = dns === undefined ? dnsCapture === 'true' : oneOf('--dns', dns, ['on', 'off'] as const) === 'on';
  if (!wanted) return undefined;
  const upstream = dnsUpstream.map((text) => {
    const { host, port } = address('--dns-upstream', text, undefined);
    if (isIP(host) === 0) throw invalid(`--dns-upstream: "${text}" is not ADDRESS:PORT`);
    return { address: host, port };
  });
  return {
    port: wholeNumber('--dns-port', dnsPort, { from: 0, to: 65_535 }),
    upstream: upstream.length === 0 ? undefined : upstream,
    resolverFile: resolvConf,
  };
}

function labelPair(text: string): readonly [string, string] {
  const cut = text.indexOf('=');
  if (cut < 1) throw invalid(`--label: "${text}" is not KEY=VALUE`);
  return [text.slice(0, cut), text.slice(cut + 1)];
}

function podPorts(text: string): string {
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed)) return text;
  } catch {
    // Told below, with what would be right.
  }
  throw invalid(`--pod-ports: "${text}" is not a JSON list like [{"name":"http","containerPort":8080}]`);
}

function oneOf<const T extends string>(option: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === text);
  if (found === undefined) throw invalid(`${option}: "${text}" is none of ${allowed.join(', ')}`);
  return found;
}

function wholeNumber(
  option: string,
  text: string,
  { from, to }: { readonly from: number; readonly to: number },
): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (value < from || value > to) throw invalid(`${option}: "${text}" is not a number from ${from} to ${to}`);
  return value;
}

function list(text: string): readonly string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function invalid(message: string, cause?: unknown): AgentError {
  return new AgentError('invalid-options', message, { cause });
}
