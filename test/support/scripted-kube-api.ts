// An HTTP server that speaks list and watch as an API server does, and misbehaves on command: for faults that a real one can't be
// made to have. In: objects by resource, and what to do to which request. Out: an address, and what was asked.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export type WireObject = Readonly<Record<string, unknown>> & {
  readonly metadata: Readonly<Record<string, unknown>> & { readonly name: string; readonly namespace?: string };
};

export interface AskedRequest {
  readonly path: string;
  readonly resource: string;
  readonly query: URLSearchParams;
  readonly token: string;
  readonly atMs: number;
}

/** Answers a request itself and returns true, or leaves it to the server. */
export type Misbehaviour = (asked: AskedRequest, response: ServerResponse) => boolean;

interface Watch {
  readonly resource: string;
  readonly response: ServerResponse;
}

export class ScriptedKubeApi {
  readonly asked: AskedRequest[] = [];
  /** Whether `sendInitialEvents` is known. */
  canStreamList = true;
  /** Requests without it are answered with 401. */
  token = 'secret-token';
  misbehave: Misbehaviour = () => false;
  /** Every connection is cut as soon as it is made, and the port stays this one's. */
  #isDown = false;
  /** Plural names by `GROUP/VERSION` that discovery shows. */
  installed: Readonly<Record<string, readonly string[]>> = {};
  readonly #objects = new Map<string, Map<string, WireObject>>();
  readonly #history: { readonly version: number; readonly resource: string; readonly line: string }[] = [];
  readonly #watches = new Set<Watch>();
  readonly #sockets = new Set<Socket>();
  #oldest = 0;
  #version = 100;
  #server: Server | undefined;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  get kubeconfig(): string {
    return this.kubeconfigWith({ token: this.token });
  }

  kubeconfigWith(user: Readonly<Record<string, unknown>>): string {
    return JSON.stringify({
      'current-context': 'c',
      clusters: [{ name: 'c', cluster: { server: this.url } }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    });
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => this.#answer(request, response));
    server.on('connection', (socket: Socket) => {
      if (this.#isDown) {
        socket.destroy();
        return;
      }
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => {
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** An outage: nobody is answered, until `comeBack`. Nobody else can get the port meanwhile. */
  goDown(): void {
    this.#isDown = true;
    this.cutConnections();
  }

  comeBack(): void {
    this.#isDown = false;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    this.cutConnections();
    await closed;
  }

  /** `kind` and `apiVersion` as in a manifest; `resource` is its plural name. */
  put(resource: string, object: WireObject): void {
    const stored = this.#store(resource);
    const key = keyOf(object);
    const type = stored.has(key) ? 'MODIFIED' : 'ADDED';
    const written = this.#stamp(object);
    stored.set(key, written);
    this.#tell(resource, type, written);
  }

  remove(resource: string, object: WireObject): void {
    const stored = this.#store(resource);
    if (stored.delete(keyOf(object))) this.#tell(resource, 'DELETED', this.#stamp(object));
  }

  /** Changes what is stored and tells no watch of it. */
  putSilently(resource: string, object: WireObject): void {
    this.#store(resource).set(keyOf(object), this.#stamp(object));
  }

  removeSilently(resource: string, object: WireObject): void {
    this.#version += 1;
    this.#store(resource).delete(keyOf(object));
  }

  /** All that happened so far can't be resumed from. */
  forgetHistory(): void {
    this.#version += 1;
    this.#oldest = this.#version;
    this.#history.length = 0;
  }

  /** As after a restore from a backup: resource versions begin again. */
  goBack(): void {
    this.#version = 1;
    this.#oldest = 0;
    this.#history.length = 0;
  }

  watchesOf(resource: string): number {
    return [...this.#watches].filter((watch) => watch.resource === resource).length;
  }

  /** Raw text into every open watch of a resource. */
  send(resource: string, text: string): void {
    for (const watch of this.#watches) if (watch.resource === resource) watch.response.write(text);
  }

  bookmark(resource: string): void {
    this.send(resource, bookmarkLine(this.#version));
  }

  /** Ends the watches of a resource as a server does whose time is over. */
  endWatches(resource: string): void {
    for (const watch of this.#watches) if (watch.resource === resource) watch.response.end();
  }

  cutWatches(resource: string): void {
    for (const watch of this.#watches) if (watch.resource === resource) watch.response.destroy();
  }

  cutConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  askedFor(resource: string): AskedRequest[] {
    return this.asked.filter((request) => request.resource === resource);
  }

  #store(resource: string): Map<string, WireObject> {
    const stored = this.#objects.get(resource) ?? new Map<string, WireObject>();
    this.#objects.set(resource, stored);
    return stored;
  }

  #stamp(object: WireObject): WireObject {
    this.#version += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
  }

  #tell(resource: string, type: string, object: WireObject): void {
    const line = `${JSON.stringify({ type, object })}\n`;
    this.#history.push({ version: this.#version, resource, line });
    this.send(resource, line);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const resource = url.pathname.split('/').at(-1) ?? '';
    const token = (request.headers.authorization ?? '').replace('Bearer ', '');
    const asked = { path: url.pathname, resource, query: url.searchParams, token, atMs: performance.now() };
    this.asked.push(asked);
    response.on('error', () => undefined);
    if (this.misbehave(asked, response)) return;
    if (token !== this.token) refuse(response, 401, 'Unauthorized');
    else if (url.pathname.startsWith('/apis/') && !url.pathname.startsWith('/apis/discovery.k8s.io/'))
      this.#answerCustom(asked, response);
    else this.#answerResource(asked, response);
  }

  #answerCustom(asked: AskedRequest, response: ServerResponse): void {
    const [, , group = '', version, resource] = asked.path.split('/');
    const versions = Object.keys(this.installed).filter((name) => name.startsWith(`${group}/`));
    const names = this.installed[`${group}/${version ?? ''}`];
    if (version === undefined && versions.length > 0) {
      json(response, { versions: versions.map((name) => ({ version: name.split('/')[1] })) });
    } else if (names !== undefined && resource === undefined) {
      json(response, { resources: names.map((name) => ({ name })) });
    } else if (names?.includes(resource ?? '') === true) this.#answerResource(asked, response);
    else refuse(response, 404, 'the server could not find the requested resource');
  }

  #answerResource(asked: AskedRequest, response: ServerResponse): void {
    const { query, resource } = asked;
    if (query.get('watch') !== 'true') this.#list(asked, response);
    else if (query.get('sendInitialEvents') === 'true') {
      if (!this.canStreamList) {
        refuse(response, 422, 'sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled');
        return;
      }
      response.flushHeaders();
      for (const object of this.#store(resource).values())
        response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
      response.write(bookmarkLine(this.#version, { 'k8s.io/initial-events-end': 'true' }));
      this.#keep(resource, response);
    } else {
      const from = Number(query.get('resourceVersion'));
      if (from < this.#oldest) {
        refuse(response, 410, 'too old resource version');
        return;
      }
      response.flushHeaders();
      for (const { version, resource: of, line } of this.#history)
        if (of === resource && version > from) response.write(line);
      this.#keep(resource, response);
    }
  }

  #list({ resource, query }: AskedRequest, response: ServerResponse): void {
    const all = [...this.#store(resource).values()];
    const from = Number(query.get('continue') ?? 0);
    const limit = Number(query.get('limit') ?? all.length);
    // Items of a list don't carry their type.
    const items = all.slice(from, from + limit).map(({ apiVersion: _version, kind: _kind, ...object }) => object);
    const next = from + limit < all.length ? { continue: String(from + limit) } : {};
    json(response, { kind: 'List', metadata: { resourceVersion: String(this.#version), ...next }, items });
  }

  #keep(resource: string, response: ServerResponse): void {
    const watch = { resource, response };
    this.#watches.add(watch);
    response.on('close', () => this.#watches.delete(watch));
  }
}

export function refuse(
  response: ServerResponse,
  code: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(code, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify({ kind: 'Status', status: 'Failure', code, message }));
}

export function bookmarkLine(version: number, annotations: Readonly<Record<string, string>> = {}): string {
  const metadata = { resourceVersion: String(version), annotations };
  return `${JSON.stringify({ type: 'BOOKMARK', object: { metadata } })}\n`;
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(value));
}

function keyOf({ metadata }: WireObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
