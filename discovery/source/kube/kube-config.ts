// A kubeconfig, or the place a pod finds its own credentials → what is needed to connect. What would run a program, or read a
// file that the author of the kubeconfig should not choose, is refused with a sentence unless it is allowed. Messages never
// quote the text: it holds credentials.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { RequestOptions } from 'node:https';
import type { Cluster, KubeConfig, User } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { isMapping } from '../../convert/field-reader.ts';
import { systemClock } from './clock.ts';
import { KubeError } from './kube-error.ts';

export type KubeCredentials =
  /** A kubeconfig on disk, read again when it changes. */
  | { readonly kind: 'file'; readonly path: string }
  /** The text of a kubeconfig, e.g. from a remote-cluster Secret. */
  | { readonly kind: 'text'; readonly kubeconfig: string }
  /** The service account of this pod. `root` stands before the paths (for tests). */
  | { readonly kind: 'in-cluster'; readonly root?: string | undefined };

export interface Allowances {
  /** `exec` plugins and auth providers, which run programs or talk to other servers. */
  readonly programs?: boolean | undefined;
  /** Files named by the kubeconfig (certificates, keys, tokens). Default: unless it came as text. */
  readonly files?: boolean | undefined;
}

export interface ConnectionMaterial {
  /** `https://HOST:PORT/PATH`, without a slash at the end. */
  readonly server: string;
  /** Authorization and impersonation. */
  readonly headers: Readonly<Record<string, string>>;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly servername?: string | undefined;
  readonly skipVerify: boolean;
  /** An agent that goes through the kubeconfig's proxy. */
  readonly proxyAgent?: RequestOptions['agent'] | undefined;
  /** Files that were read; a change of one asks for reading again. */
  readonly files: readonly string[];
}

/** Reads everything afresh. Throws a `credentials` error whose message says what to change. */
export async function readConnection(
  credentials: KubeCredentials,
  allow: Allowances = {},
): Promise<ConnectionMaterial> {
  const { config, tokenFiles } = await loadConfig(credentials);
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (cluster === null)
    throw refused('its current-context leads to no cluster: set current-context, contexts and clusters');
  if (user === null) throw refused('its current context names no user: add one with a token or a client certificate');
  const tokenFile = tokenFiles.get(user.name) ?? providerTokenFile(user);
  const files = [cluster.caFile, user.certFile, user.keyFile, tokenFile].filter((file) => typeof file === 'string');
  if (!(allow.files ?? credentials.kind !== 'text') && files.length > 0) {
    throw refused(
      'it names files, which is not allowed for a kubeconfig that is not itself a file: put their content inline',
    );
  }
  const isProgram = user.exec || (user.authProvider && credentials.kind !== 'in-cluster');
  if (isProgram && allow.programs !== true) {
    const what = user.exec ? 'runs a program (exec)' : 'uses an auth provider';
    throw refused(`its user ${what}, which is not allowed: use a token or a client certificate`);
  }
  const server = checkServer(cluster);
  const options = await applied(config, tokenFile);
  const headers = await headersOf(options, tokenFile);
  return {
    server,
    headers,
    ca: textOf(options.ca),
    cert: textOf(options.cert),
    key: textOf(options.key),
    servername: cluster.tlsServerName ?? undefined,
    skipVerify: cluster.skipTLSVerify,
    ...(cluster.proxyUrl ? { proxyAgent: options.agent } : {}),
    files: credentials.kind === 'file' ? [credentials.path, ...files] : files,
  };
}

interface LoadedConfig {
  readonly config: KubeConfig;
  /** By user name. */
  readonly tokenFiles: ReadonlyMap<string, string>;
}

async function loadConfig(credentials: KubeCredentials): Promise<LoadedConfig> {
  // Loaded when it is needed: it takes eighty megabytes that an instance without an API server does not have to spend.
  const client = await import('@kubernetes/client-node');
  const config = new client.KubeConfig();
  if (credentials.kind === 'in-cluster') {
    if (!process.env['KUBERNETES_SERVICE_HOST'] || !process.env['KUBERNETES_SERVICE_PORT']) {
      throw refused(
        'this is not a pod (KUBERNETES_SERVICE_HOST is not set): name the cluster with --registry or --kubeconfig',
      );
    }
    config.loadFromCluster(credentials.root ?? '');
    return { config, tokenFiles: new Map() };
  }
  const content =
    credentials.kind === 'text' ? credentials.kubeconfig : await readText(credentials.path, 'the kubeconfig');
  const directory = credentials.kind === 'file' ? path.dirname(credentials.path) : '';
  const tokenFiles = readTokenFiles(content, directory);
  try {
    config.loadFromString(content);
    if (directory !== '') config.makePathsAbsolute(directory);
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    // Only these of the library's messages are sure to hold no credential.
    const isHarmless = /^(clusters|users|contexts)\[\d+\][.\w]* is missing$/.test(message);
    throw refused(isHarmless ? `${message}: add it` : notKubeconfig);
  }
  return { config, tokenFiles };
}

const longestPluginMs = 30_000;

const notKubeconfig = 'it is not a kubeconfig: replace it by one';

/** `tokenFile` of each user, which the library does not know. It takes precedence over `token`. */
function readTokenFiles(content: string, directory: string): Map<string, string> {
  let document: unknown;
  try {
    document = parse(content);
  } catch {
    throw refused(notKubeconfig);
  }
  if (!isMapping(document) || !Array.isArray(document['contexts'])) throw refused(notKubeconfig);
  const users: readonly unknown[] = Array.isArray(document['users']) ? document['users'] : [];
  const tokenFiles = new Map<string, string>();
  for (const entry of users) {
    const user = isMapping(entry) && isMapping(entry['user']) ? entry['user'] : {};
    // The library would read any file that stands there while it only parses.
    if ('token-file' in user) throw refused('it has the field token-file, which no kubeconfig has: write tokenFile');
    const file = user['tokenFile'];
    if (!isMapping(entry) || typeof entry['name'] !== 'string' || typeof file !== 'string' || file === '') continue;
    tokenFiles.set(entry['name'], directory === '' ? file : path.resolve(directory, file));
  }
  return tokenFiles;
}

/** Where the library says that a pod's token is. */
function providerTokenFile(user: User): string | undefined {
  const provider: unknown = user.authProvider;
  const config = isMapping(provider) && isMapping(provider['config']) ? provider['config'] : {};
  return typeof config['tokenFile'] === 'string' ? config['tokenFile'] : undefined;
}

function checkServer(cluster: Cluster): string {
  let url: URL;
  try {
    url = new URL(cluster.server);
  } catch {
    throw refused('its server is not a URL: write https://HOST:PORT');
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw refused('its server is not an https URL: write https://HOST:PORT');
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol === 'http:' && !isLoopback && !cluster.skipTLSVerify) {
    throw refused('its server is http, which would show the credentials to everyone on the way: write https');
  }
  return cluster.server.replace(/\/+$/, '');
}

async function applied(config: KubeConfig, tokenFile: string | undefined): Promise<RequestOptions> {
  const options: RequestOptions = {};
  const user = config.getCurrentUser();
  try {
    if (tokenFile !== undefined && user?.authProvider) {
      // The token is read here, at once and not a minute late, so the library must not read it.
      config.users = config.users.map((each) => (each.name === user.name ? { ...each, authProvider: null } : each));
    }
    // The library refuses http altogether; `checkServer` has decided about it.
    config.clusters = config.clusters.map((each) =>
      each.server.startsWith('http:') ? { ...each, skipTLSVerify: true } : each,
    );
    await inTime(config.applyToHTTPSOptions(options));
  } catch (error) {
    if (error instanceof KubeError) throw error;
    if (error instanceof Error && 'path' in error && typeof error.path === 'string') {
      throw refused(`its file ${error.path} can't be read: name a file that is there and readable`, error);
    }
    throw refused('its user has no credentials that can be had: see that its exec plugin or provider works', error);
  }
  return options;
}

/** A plugin may hang; it is asked again with the next request. */
async function inTime(applied: Promise<void>): Promise<void> {
  const stop = new AbortController();
  const late = systemClock.sleep(longestPluginMs, stop.signal).then(() => {
    if (stop.signal.aborted) return;
    throw refused('its exec plugin or provider did not answer in time: see that it works');
  });
  try {
    await Promise.race([applied, late]);
  } finally {
    stop.abort();
  }
}

async function headersOf(options: RequestOptions, tokenFile: string | undefined): Promise<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {}))
    if (typeof value === 'string') headers[name] = value;
  if (options.auth) headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  if (tokenFile !== undefined) headers['Authorization'] = `Bearer ${(await readText(tokenFile, 'the token')).trim()}`;
  for (const value of Object.values(headers)) {
    if (!/^[\x20-\x7e]*$/.test(value)) throw refused('its token holds characters that no token has: correct it');
  }
  return headers;
}

async function readText(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new KubeError('credentials', `${what} ${file} can't be read: name a file that is there and readable`, {
      cause: error,
    });
  }
}

function textOf(value: unknown): string | undefined {
  if (Buffer.isBuffer(value)) return value.toString('utf8');
  return typeof value === 'string' ? value : undefined;
}

function refused(reason: string, cause?: unknown): KubeError {
  return new KubeError('credentials', `the kubeconfig can't be used, ${reason}`, { cause });
}
