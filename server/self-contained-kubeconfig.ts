// A kubeconfig as a person has it → one with a single context and everything inline, that works on another machine. In: its
// text and where it stands, for the files that it names. Out: the same connection in one document.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { isMapping } from '../discovery/convert/field-reader.ts';

export type Mapping = Readonly<Record<string, unknown>>;

/** A kubeconfig or an API server that no Secret can be made from, in a sentence that says what to do. */
export class RemoteSecretError extends Error {
  override readonly name = 'RemoteSecretError';
}

export interface ChosenContext {
  readonly cluster: Mapping;
  readonly user: Mapping;
}

/** The cluster and user of a context, the current one when none is named. @throws RemoteSecretError */
export function chooseContext(text: string, wanted: string | undefined): ChosenContext {
  let document: unknown;
  try {
    document = parse(text);
  } catch {
    // What the parser says quotes the text.
    throw new RemoteSecretError('it is not YAML: give a kubeconfig.');
  }
  if (!isMapping(document) || !Array.isArray(document['contexts'])) {
    throw new RemoteSecretError('it is not a kubeconfig: it has no contexts.');
  }
  const current = document['current-context'];
  const name = wanted ?? (typeof current === 'string' ? current : '');
  const context = entryOf(document['contexts'], name, 'context');
  if (context === undefined) {
    const names = namesOf(document['contexts']);
    const what = wanted === undefined ? 'its current-context' : `--context ${wanted}`;
    throw new RemoteSecretError(`${what} is none of its contexts (${names}): give --context.`);
  }
  const cluster = entryOf(document['clusters'], context['cluster'], 'cluster');
  const user = entryOf(document['users'], context['user'], 'user');
  if (cluster === undefined) throw new RemoteSecretError(`its context ${name} names a cluster that it does not have.`);
  if (user === undefined) throw new RemoteSecretError(`its context ${name} names a user that it does not have.`);
  return { cluster, user };
}

const clusterFields = ['server', 'tls-server-name', 'insecure-skip-tls-verify', 'proxy-url'];
const userFields = ['token', 'username', 'password', 'as', 'as-uid', 'as-groups', 'as-user-extra'];
const programFields = ['exec', 'auth-provider'];

/** The cluster with its certificates inline. `directory` is what relative paths are relative to. */
export async function inlineCluster(cluster: Mapping, directory: string): Promise<Mapping> {
  if (typeof cluster['server'] !== 'string') throw new RemoteSecretError('its cluster names no server: add it.');
  return { ...pick(cluster, clusterFields), ...(await dataOf(cluster, 'certificate-authority', directory)) };
}

export interface InlineUserOptions {
  readonly directory: string;
  /** Keep what runs programs. */
  readonly allowPrograms: boolean;
}

/** The user with certificates, key and token inline. @throws RemoteSecretError */
export async function inlineUser(user: Mapping, { directory, allowPrograms }: InlineUserOptions): Promise<Mapping> {
  const program = programFields.find((field) => user[field] !== undefined);
  if (program !== undefined && !allowPrograms) {
    throw new RemoteSecretError(
      `its user ${program === 'exec' ? 'runs a program (exec)' : 'uses an auth provider'}, which instances refuse: give --service-account, for which a token is made, or --allow-programs and start instances with --insecure-remote-kubeconfig programs.`,
    );
  }
  const tokenFile = user['tokenFile'];
  const token = typeof tokenFile === 'string' ? (await readText(tokenFile, directory)).trim() : undefined;
  return {
    ...pick(user, [...userFields, ...programFields]),
    ...(token === undefined ? {} : { token }),
    ...(await dataOf(user, 'client-certificate', directory)),
    ...(await dataOf(user, 'client-key', directory)),
  };
}

/** A kubeconfig with one context. */
export function kubeconfigOf(name: string, { cluster, user }: ChosenContext): Mapping {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  };
}

async function dataOf(entry: Mapping, field: string, directory: string): Promise<Mapping> {
  const name = `${field}-data`;
  const file = entry[field];
  // Data wins, as in every other reader of kubeconfigs.
  if (typeof entry[name] === 'string') return { [name]: entry[name] };
  if (typeof file !== 'string' || file === '') return {};
  return { [name]: Buffer.from(await readText(file, directory)).toString('base64') };
}

async function readText(file: string, directory: string): Promise<string> {
  try {
    return await readFile(path.resolve(directory, file), 'utf8');
  } catch (error) {
    throw new RemoteSecretError(`its file ${file} can't be read: name a file that is there and readable.`, {
      cause: error,
    });
  }
}

function entryOf(list: unknown, name: unknown, field: string): Mapping | undefined {
  const entries: readonly unknown[] = Array.isArray(list) ? list : [];
  const found = entries.find((entry) => isMapping(entry) && entry['name'] === name);
  const value = isMapping(found) ? found[field] : undefined;
  return isMapping(value) ? value : undefined;
}

function namesOf(list: readonly unknown[]): string {
  return list.flatMap((entry) => (isMapping(entry) ? [String(entry['name'])] : [])).join(', ');
}

function pick(entry: Mapping, fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(fields.flatMap((name) => (entry[name] === undefined ? [] : [[name, entry[name]]])));
}
