// How one API server is reached at present: address, headers and the connections, kept for every request. Credentials are
// read again when one of their files changes and when the server refuses them; requests under way keep what they began with.

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import { readConnection, type Allowances, type ConnectionMaterial, type KubeCredentials } from './kube-config.ts';
import { KubeError } from './kube-error.ts';

export interface Access {
  readonly server: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: http.Agent;
  /** Equal as long as it is the same API server: its address and its authority. */
  readonly identity: string;
}

interface Loaded {
  readonly access: Access;
  readonly fingerprint: string;
  readonly files: readonly string[];
  readonly signature: string;
}

export class ClusterAccess {
  readonly #credentials: KubeCredentials;
  readonly #allow: Allowances;
  readonly #agents = new Set<http.Agent>();
  #loaded: Loaded | undefined;
  #loading: Promise<Loaded> | undefined;

  constructor(credentials: KubeCredentials, allow: Allowances = {}) {
    this.#credentials = credentials;
    this.#allow = allow;
  }

  /** What to use for the next request. Throws a `credentials` error only when nothing usable was ever read. */
  async current(): Promise<Access> {
    const loaded = this.#loaded;
    if (loaded === undefined) return (await this.#load()).access;
    if ((await signatureOf(loaded.files)) === loaded.signature) return loaded.access;
    // A file that is half written or gone for a moment is no reason to stop using what works.
    return await this.#load().then(
      ({ access }) => access,
      () => loaded.access,
    );
  }

  /** After `refused` was answered with 401: what to try instead; the same when there is nothing else. */
  async refresh(refused: Access): Promise<Access> {
    if (this.#loaded !== undefined && this.#loaded.access !== refused) return this.#loaded.access;
    return (await this.#load()).access;
  }

  /** Closes every connection. */
  close(): void {
    for (const agent of this.#agents) agent.destroy();
    this.#agents.clear();
  }

  async #load(): Promise<Loaded> {
    this.#loading ??= this.#read().finally(() => {
      this.#loading = undefined;
    });
    return await this.#loading;
  }

  async #read(): Promise<Loaded> {
    // Before the content, so that a change in between is seen at the next request.
    const before = this.#loaded;
    const earlySignature = before === undefined ? undefined : await signatureOf(before.files);
    const material = await readConnection(this.#credentials, this.#allow);
    const isSameList = before !== undefined && before.files.join('\0') === material.files.join('\0');
    const signature = isSameList && earlySignature !== undefined ? earlySignature : await signatureOf(material.files);
    const fingerprint = fingerprintOf(material);
    const agent = before?.fingerprint === fingerprint ? before.access.agent : this.#newAgent(material);
    if (before !== undefined && before.access.agent !== agent) retire(before.access.agent);
    const { server, ca, headers } = material;
    const access = { server: new URL(server), headers, agent, identity: hashOf([server, ca]) };
    this.#loaded = { access, fingerprint, files: material.files, signature };
    return this.#loaded;
  }

  #newAgent(material: ConnectionMaterial): http.Agent {
    const agent = makeAgent(material);
    this.#agents.add(agent);
    return agent;
  }
}

function makeAgent(material: ConnectionMaterial): http.Agent {
  if (material.proxyAgent instanceof http.Agent) return material.proxyAgent;
  if (material.server.startsWith('http:')) return new http.Agent({ keepAlive: true });
  try {
    return new https.Agent({
      keepAlive: true,
      ca: material.ca,
      cert: material.cert,
      key: material.key,
      servername: material.servername,
      rejectUnauthorized: !material.skipVerify,
    });
  } catch (error) {
    throw new KubeError('credentials', "the kubeconfig's certificates can't be used: see that they are PEM", {
      cause: error,
    });
  }
}

/** Idle connections end now, the others with their requests. */
function retire(agent: http.Agent): void {
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  if ('keepAlive' in agent) agent.keepAlive = false;
}

function fingerprintOf({ server, ca, cert, key, servername, skipVerify, proxyAgent }: ConnectionMaterial): string {
  return hashOf([server, ca, cert, key, servername, skipVerify, proxyAgent !== undefined]);
}

function hashOf(values: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(values)).digest('base64');
}

async function signatureOf(files: readonly string[]): Promise<string> {
  const signatures = await Promise.all(
    files.map(async (file) => {
      const info = await stat(file, { bigint: true }).catch(() => undefined);
      return info === undefined ? '-' : `${info.dev}:${info.ino}:${info.size}:${info.mtimeNs}`;
    }),
  );
  return signatures.join(' ');
}
