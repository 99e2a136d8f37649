// Makes a remote-cluster Secret of a kubeconfig. In: the options of `isthmus remote-secret`. Out: the Secret as text, and what
// the person who applies it should know.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { convertRemoteSecret } from '../../discovery/convert/remote-secret.ts';
import { annotation, label } from '../../discovery/convert/well-known.ts';
import type { ObjectMeta } from '../../discovery/model/kubernetes-object.ts';
import { clusterId } from '../../discovery/model/names.ts';
import { ConfigError, readDurationMs } from '../config.ts';
import { requestAccountToken } from './request-account-token.ts';
import {
  chooseContext,
  inlineCluster,
  inlineUser,
  kubeconfigOf,
  RemoteSecretError,
  type Mapping,
} from '../self-contained-kubeconfig.ts';

export { RemoteSecretError } from '../self-contained-kubeconfig.ts';

export interface RemoteSecretOptions {
  readonly clusterId: string;
  readonly kubeconfig: string;
  readonly context?: string | undefined;
  readonly server?: string | undefined;
  readonly serviceAccount?: string | undefined;
  readonly ttl: string;
  readonly allowPrograms: boolean;
  readonly name?: string | undefined;
  readonly namespace: string;
  readonly network?: string | undefined;
  readonly namespaces?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly stalePolicy?: string | undefined;
  readonly staleAfter?: string | undefined;
  readonly output: 'yaml' | 'json';
}

export interface RemoteSecretResult {
  /** Holds credentials. */
  readonly text: string;
  /** What the person who applies it should know, a sentence each. */
  readonly remarks: readonly string[];
}

/** The Secret. @throws ConfigError for an option, RemoteSecretError for a kubeconfig or API server that does not serve */
export async function makeRemoteSecret(options: RemoteSecretOptions): Promise<RemoteSecretResult> {
  const { clusterId: id } = options;
  checkClusterId(id);
  const name = options.name ?? `istio-remote-secret-${id}`;
  if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) {
    throw new ConfigError(`${name} is no name for a Secret (lower-case letters, digits, "-" and "."): give --name.`);
  }
  const remarks: string[] = [];
  const kubeconfig = await makeKubeconfig(options, remarks);
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      namespace: options.namespace,
      labels: { [label.multiCluster]: 'true' },
      annotations: annotationsOf(options),
    },
    stringData: { [id]: stringify(kubeconfig, yamlOptions) },
  };
  checkAnnotations(secret.metadata, id);
  const text = options.output === 'json' ? `${JSON.stringify(secret, undefined, 2)}\n` : stringify(secret, yamlOptions);
  return { text, remarks };
}

/** Long values stay on one line. */
const yamlOptions = { lineWidth: 0 } as const;

async function makeKubeconfig(options: RemoteSecretOptions, remarks: string[]): Promise<Mapping> {
  const directory = path.dirname(path.resolve(options.kubeconfig));
  const { cluster, user } = chooseContext(await readKubeconfig(options.kubeconfig), options.context);
  const reached = await inlineCluster(cluster, directory);
  const server = options.server ?? String(reached['server']);
  if (isLoopback(server)) {
    remarks.push(`instances elsewhere do not reach ${server}: give --server with the address that they are to use.`);
  }
  const given = { ...reached, server };
  if (options.serviceAccount === undefined) {
    const { allowPrograms } = options;
    return kubeconfigOf(options.clusterId, {
      cluster: given,
      user: await inlineUser(user, { directory, allowPrograms }),
    });
  }
  // What the person who asks is, goes nowhere but to the API server.
  const asker = { cluster: reached, user: await inlineUser(user, { directory, allowPrograms: true }) };
  const [account = '', namespace = options.namespace] = options.serviceAccount.split('/').toReversed();
  const { token, expiresAt } = await requestAccountToken({
    kubeconfig: kubeconfigOf('asker', asker),
    namespace,
    name: account,
    ttlMs: readDurationMs('--ttl', options.ttl),
  });
  remarks.push(`the token is valid until ${expiresAt}: apply a new Secret before; nothing is interrupted by that.`);
  return kubeconfigOf(options.clusterId, { cluster: given, user: { token } });
}

async function readKubeconfig(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new RemoteSecretError(`--kubeconfig ${file} can't be read: name a file that is there and readable.`, {
      cause: error,
    });
  }
}

function annotationsOf(options: RemoteSecretOptions): Readonly<Record<string, string>> {
  const found = [
    [annotation.remoteCluster, options.clusterId],
    [annotation.network, options.network],
    [annotation.namespaces, options.namespaces],
    [annotation.labelSelector, options.labelSelector],
    [annotation.stalePolicy, options.stalePolicy],
    [annotation.staleAfter, options.staleAfter],
  ] as const;
  return Object.fromEntries(found.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** By the same rules as an instance that reads the Secret. */
function checkAnnotations(
  metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'labels' | 'annotations'>,
  id: string,
): void {
  const object = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...metadata, createdAtMs: 0 },
    body: { data: { [id]: '' } },
  };
  const context = { clusterId: clusterId(''), systemNamespace: metadata.namespace };
  const [problem] = convertRemoteSecret(object, context).problems;
  if (problem === undefined) return;
  const [message = ''] = problem.message.split(';');
  throw new ConfigError(`${message.replace(/\.$/, '')} (${problem.field ?? ''}).`);
}

function checkClusterId(id: string): void {
  if (/^[a-zA-Z0-9]([-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?$/.test(id)) return;
  throw new ConfigError(`--cluster-id ${JSON.stringify(id)}: use up to 63 letters, digits, "-", "_" and ".".`);
}

function isLoopback(server: string): boolean {
  try {
    return /^(localhost|127\..*|\[::1\]|0\.0\.0\.0)$/.test(new URL(server).hostname);
  } catch {
    throw new RemoteSecretError(`the server ${JSON.stringify(server)} is not a URL: give --server https://HOST:PORT.`);
  }
}
