// The options of `isthmus serve`, checked once and frozen. Nothing else reads flags or environment variables.

import { isIP } from 'node:net';
import { isCidr } from '../discovery/convert/address.ts';
import type { StalePolicy } from '../discovery/model/stale-rule.ts';
import { clusterId, networkId, type ClusterId, type NetworkId } from '../discovery/model/names.ts';
import type { ReachableAddresses } from './jwks/reachable-addresses.ts';

/** Where a cluster is read from. */
export type RegistryLocation =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'kubeconfig'; readonly path: string }
  | { readonly kind: 'in-cluster' };

export interface RemoteConfig {
  readonly clusterId: ClusterId;
  readonly location: RegistryLocation;
}

/** What kubeconfigs of remotes may do besides naming a server and inline credentials. */
export interface RemoteAllowances {
  /** Run programs and talk to identity providers. */
  readonly programs: boolean;
  /** Name files of this machine, when they come from a Secret. */
  readonly files: boolean;
}

/** TCP ports; 0 turns one off. */
export interface Ports {
  readonly xds: number;
  readonly xdsTls: number;
  readonly http: number;
  readonly monitoring: number;
  readonly webhook: number;
}

export interface ServeConfig {
  readonly clusterId: ClusterId;
  readonly network: NetworkId;
  readonly primary: RegistryLocation;
  readonly remotes: readonly RemoteConfig[];
  readonly remoteAllowances: RemoteAllowances;
  readonly caDir?: string | undefined;
  readonly meshConfigFile?: string | undefined;
  readonly trustDomain: string;
  readonly systemNamespace: string;
  /** Tells apart instances for one cluster: it is in the name of their Service, and so in their server certificate. */
  readonly revision?: string | undefined;
  /** Other names of the revision: labels that name one of them choose this instance as well. */
  readonly revisionTags: readonly string[];
  readonly bind: string;
  /** Address of the plaintext xDS port: loopback unless `--insecure-xds`. */
  readonly plaintextBind: string;
  readonly ports: Ports;
  readonly stateDir?: string | undefined;
  readonly stalePolicy: StalePolicy;
  readonly staleAfterMs: number;
  /** How often the gateways of other networks are probed; 0: never. */
  readonly gatewayProbeMs: number;
  /** Whether findings are written into the status of the primary's objects. */
  readonly objectStatus: boolean;
  readonly logLevel: string;
  /** Which addresses the keys of token issuers may be fetched from. */
  readonly jwksAddresses: ReachableAddresses;
  /** Longest life of a workload certificate. */
  readonly maxCertificateTtlMs: number;
  /** How long streams may take to move elsewhere after SIGTERM. */
  readonly drainMs: number;
  /** 0: streams live as long as both ends want. */
  readonly maxStreamAgeMs: number;
  /** Proxies beyond it are sent to another replica; 0: no limit. */
  readonly maxProxies: number;
  /** New connections to the gRPC ports. */
  readonly maxHandshakesPerSecond: number;
  /** Of one client, beyond answers. */
  readonly maxRequestsPerSecond: number;
  /** Processes that serve the connections of the gRPC ports; 0: this one does. */
  readonly workers: number;
}

/** Options as the command line gives them. */
export interface ServeOptions {
  readonly clusterId: string;
  readonly network: string;
  readonly registry?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly remote: readonly string[];
  readonly insecureRemoteKubeconfig: string;
  readonly caDir?: string | undefined;
  readonly meshConfig?: string | undefined;
  readonly trustDomain: string;
  readonly systemNamespace: string;
  readonly revision?: string | undefined;
  readonly revisionTags: string;
  readonly bind: string;
  readonly insecureXds: boolean;
  readonly xdsPort: string;
  readonly xdsTlsPort: string;
  readonly httpPort: string;
  readonly monitoringPort: string;
  readonly webhookPort: string;
  readonly stateDir?: string | undefined;
  readonly stalePolicy: string;
  readonly staleAfter: string;
  readonly gatewayProbe: string;
  readonly objectStatus: string;
  readonly jwksAllow: string;
  readonly jwksDeny: string;
  readonly logLevel: string;
  readonly maxCertificateTtl: string;
  readonly drain: string;
  readonly maxStreamAge: string;
  readonly maxProxies: string;
  readonly maxHandshakes: string;
  readonly maxRequests: string;
  readonly workers: string;
}

/** A bad option, in one sentence that names it and says what to write instead. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Checks options.
 * @param isDirectory tells whether a path is a directory: a `--remote` may name a directory or a kubeconfig file.
 * @throws ConfigError
 */
export function readServeConfig(options: ServeOptions, isDirectory: (path: string) => boolean): ServeConfig {
  const primary = clusterId(checkName('--cluster-id', options.clusterId));
  if (options.registry !== undefined && options.kubeconfig !== undefined) {
    throw new ConfigError('--registry and --kubeconfig both name the primary cluster; give one of them.');
  }
  if (isIP(options.bind) === 0) throw new ConfigError(`--bind ${options.bind} is not an IP address, e.g. 0.0.0.0.`);
  return Object.freeze({
    clusterId: primary,
    network: networkId(options.network === '' ? '' : checkName('--network', options.network)),
    primary: readPrimary(options),
    remotes: readRemotes(options.remote, primary, isDirectory),
    remoteAllowances: readAllowances(options.insecureRemoteKubeconfig),
    caDir: options.caDir,
    meshConfigFile: options.meshConfig,
    trustDomain: checkTrustDomain('--trust-domain', options.trustDomain),
    systemNamespace: checkName('--system-namespace', options.systemNamespace),
    revision: options.revision === undefined ? undefined : checkRevision('--revision', options.revision),
    revisionTags: words(options.revisionTags).map((tag) => checkRevision('--revision-tags', tag)),
    bind: options.bind,
    plaintextBind: options.insecureXds ? options.bind : '127.0.0.1',
    ports: Object.freeze({
      xds: readPort('--xds-port', options.xdsPort),
      xdsTls: readPort('--xds-tls-port', options.xdsTlsPort),
      http: readPort('--http-port', options.httpPort),
      monitoring: readPort('--monitoring-port', options.monitoringPort),
      webhook: readPort('--webhook-port', options.webhookPort),
    }),
    stateDir: options.stateDir,
    stalePolicy: readStalePolicy(options.stalePolicy),
    staleAfterMs: readDurationMs('--stale-after', options.staleAfter),
    gatewayProbeMs: readGatewayProbeMs(options.gatewayProbe),
    objectStatus: readSwitch('--object-status', options.objectStatus),
    jwksAddresses: {
      allow: readBlocks('--jwks-allow', options.jwksAllow),
      deny: readBlocks('--jwks-deny', options.jwksDeny),
    },
    logLevel: readLogLevel(options.logLevel),
    maxCertificateTtlMs: readDurationMs('--max-certificate-ttl', options.maxCertificateTtl),
    drainMs: readDurationMs('--drain', options.drain),
    maxStreamAgeMs: readDurationMs('--max-stream-age', options.maxStreamAge),
    maxProxies: readCount('--max-proxies', options.maxProxies, 0),
    maxHandshakesPerSecond: readCount('--max-handshakes', options.maxHandshakes, 1),
    maxRequestsPerSecond: readCount('--max-requests', options.maxRequests, 1),
    workers: readWorkers(options.workers),
  });
}

function readPrimary(options: ServeOptions): RegistryLocation {
  if (options.registry !== undefined) return { kind: 'directory', path: options.registry };
  if (options.kubeconfig !== undefined) return { kind: 'kubeconfig', path: options.kubeconfig };
  return { kind: 'in-cluster' };
}

function readRemotes(
  values: readonly string[],
  primary: ClusterId,
  isDirectory: (path: string) => boolean,
): readonly RemoteConfig[] {
  const remotes = new Map<ClusterId, RemoteConfig>();
  for (const value of values) {
    const split = value.indexOf('=');
    if (split < 1 || split === value.length - 1) {
      throw new ConfigError(`--remote ${value} is not ID=DIRECTORY or ID=KUBECONFIG.`);
    }
    const id = clusterId(checkName('--remote', value.slice(0, split)));
    if (id === primary) {
      throw new ConfigError(`--remote ${id} is the primary cluster itself; leave it out or rename one of the two.`);
    }
    if (remotes.has(id)) throw new ConfigError(`--remote ${id} is given twice; each remote cluster has one source.`);
    const path = value.slice(split + 1);
    remotes.set(id, { clusterId: id, location: { kind: isDirectory(path) ? 'directory' : 'kubeconfig', path } });
  }
  return [...remotes.values()];
}

function readAllowances(value: string): RemoteAllowances {
  const words = value.split(',').filter((word) => word !== '');
  const wrong = words.find((word) => word !== 'programs' && word !== 'files');
  if (wrong === undefined)
    return Object.freeze({ programs: words.includes('programs'), files: words.includes('files') });
  throw new ConfigError(`--insecure-remote-kubeconfig ${wrong}: use programs, files, or both with a comma.`);
}

/** @throws ConfigError */
export function checkName(option: string, value: string): string {
  if (/^[a-zA-Z0-9]([-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?$/.test(value)) return value;
  throw new ConfigError(`${option} ${JSON.stringify(value)}: use up to 63 letters, digits, "-", "_" and ".".`);
}

function words(value: string): readonly string[] {
  return value.split(',').filter((word) => word !== '');
}

/** Part of a Service's name, `istiod-REVISION`, which may have 63 characters. @throws ConfigError */
function checkRevision(option: string, value: string): string {
  if (/^[a-z0-9]([-a-z0-9]{0,54}[a-z0-9])?$/.test(value)) return value;
  throw new ConfigError(
    `${option} ${JSON.stringify(value)}: use up to 56 lower case letters, digits and "-", e.g. v0-2.`,
  );
}

/** SPIFFE-ID 2.1: lower case letters, digits, dots, dashes and underscores. @throws ConfigError */
export function checkTrustDomain(option: string, value: string): string {
  if (/^[a-z0-9._-]{1,255}$/.test(value)) return value;
  throw new ConfigError(
    `${option} ${JSON.stringify(value)}: use lower case letters, digits, ".", "-" and "_", e.g. cluster.local.`,
  );
}

function readBlocks(option: string, value: string): readonly string[] {
  const blocks = words(value).map((block) => block.trim());
  const wrong = blocks.find((block) => !isCidr(block));
  if (wrong === undefined) return blocks;
  throw new ConfigError(`${option} ${wrong} is not a CIDR block such as 10.0.0.0/8 or 192.0.2.7/32.`);
}

function readLogLevel(value: string): string {
  if (['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'].includes(value)) return value;
  throw new ConfigError(`--log-level ${value}: use trace, debug, info, warn or error.`);
}

function readPort(option: string, value: string): number {
  const port = /^\d{1,5}$/.test(value) ? Number(value) : -1;
  if (port >= 0 && port <= 65_535) return port;
  throw new ConfigError(`${option} ${value} is not a port: use 1 to 65535, or 0 to turn it off.`);
}

function readCount(option: string, value: string, least: number): number {
  const count = /^\d{1,9}$/.test(value) ? Number(value) : -1;
  if (count >= least) return count;
  throw new ConfigError(`${option} ${value}: use a whole number of at least ${least}.`);
}

const maxWorkers = 64;

function readWorkers(value: string): number {
  const workers = readCount('--workers', value, 0);
  if (workers <= maxWorkers) return workers;
  throw new ConfigError(`--workers ${value}: use at most ${maxWorkers}, and no more than there are cores.`);
}

function readStalePolicy(value: string): StalePolicy {
  if (value === 'keep' || value === 'degrade' || value === 'drop') return value;
  throw new ConfigError(`--stale-policy ${value}: use keep, degrade or drop.`);
}

function readSwitch(option: string, value: string): boolean {
  if (value === 'on' || value === 'off') return value === 'on';
  throw new ConfigError(`${option} ${value}: use on or off.`);
}

const gatewayProbeMs = 5_000;
const minGatewayProbeMs = 100;

function readGatewayProbeMs(value: string): number {
  if (value === 'on') return gatewayProbeMs;
  if (value === 'off') return 0;
  const ms = readDurationMs('--gateway-probe', value);
  if (ms === 0 || ms >= minGatewayProbeMs) return ms;
  throw new ConfigError(`--gateway-probe ${value}: use on, off, or an interval of at least 100ms.`);
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `500ms`, `30s`, `5m`, `24h` or `7d` as milliseconds; `0` is none. */
export function readDurationMs(option: string, value: string): number {
  if (value === '0') return 0;
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value) ?? [];
  const factor = unitMs[unit];
  if (digits === undefined || factor === undefined) {
    throw new ConfigError(`${option} ${value} is not a duration such as 30s, 5m or 24h.`);
  }
  return Number(digits) * factor;
}
