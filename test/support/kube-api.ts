// The administrator's hand on a Kubernetes API in tests: applies, changes and deletes objects over plain HTTPS. In: objects as
// they would be written in YAML. Out: what the server answered; a refusal is an error with its words.

import { Agent, request } from 'node:https';

export interface KubeAnswer {
  readonly status: number;
  readonly body: string;
}

/** At least what names it. */
export interface TestObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

const clusterScoped: ReadonlySet<string> = new Set([
  'Namespace',
  'Node',
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
]);

const irregularPlurals: Readonly<Record<string, string>> = {
  NetworkPolicy: 'networkpolicies',
  WorkloadEntry: 'workloadentries',
  PeerAuthentication: 'peerauthentications',
  AuthorizationPolicy: 'authorizationpolicies',
  Telemetry: 'telemetries',
  RequestAuthentication: 'requestauthentications',
};

export class KubeApi {
  readonly #server: URL;
  readonly #token: string;
  readonly #agent = new Agent({ keepAlive: true, rejectUnauthorized: false });

  constructor(options: { readonly server: string; readonly token: string }) {
    this.#server = new URL(options.server);
    this.#token = options.token;
  }

  /** Creates it or makes it equal, its `status` included. */
  async apply(...objects: readonly TestObject[]): Promise<void> {
    for (const object of objects) {
      const path = `${objectPath(object)}?fieldManager=test&force=true`;
      await this.#ok('PATCH', path, object);
      if (object['status'] !== undefined && object.kind !== 'EndpointSlice') {
        await this.#ok('PATCH', path.replace('?', '/status?'), object);
      }
    }
  }

  /** Whether it could be applied, every field known: what the server would store. Nothing is changed. */
  async dryRun(object: TestObject): Promise<unknown> {
    return await this.#ok('PATCH', `${objectPath(object)}?fieldManager=test&dryRun=All&fieldValidation=Strict`, object);
  }

  /** Gone already is as good. */
  async delete(...objects: readonly Pick<TestObject, 'apiVersion' | 'kind' | 'metadata'>[]): Promise<void> {
    for (const object of objects) {
      const answer = await this.raw('DELETE', `${objectPath(object)}?gracePeriodSeconds=0`);
      if (answer.status >= 400 && answer.status !== 404) throw failure('DELETE', objectPath(object), answer);
    }
  }

  async get(path: string): Promise<unknown> {
    return await this.#ok('GET', path);
  }

  async post(path: string, body: unknown): Promise<unknown> {
    return await this.#ok('POST', path, body);
  }

  /** A token of a service account, as a pod would get it. */
  async tokenFor(
    namespace: string,
    serviceAccount: string,
    audience = 'https://kubernetes.default.svc',
  ): Promise<string> {
    const answer = await this.#ok('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: [audience], expirationSeconds: 3600 },
    });
    const { status } = answer as { readonly status?: { readonly token?: string } };
    if (status?.token === undefined) throw new Error('the API server gave no token');
    return status.token;
  }

  /** Any request; an answer with an error status is an answer. */
  raw(method: string, path: string, body?: unknown): Promise<KubeAnswer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          hostname: this.#server.hostname,
          port: this.#server.port,
          path,
          method,
          agent: this.#agent,
          timeout: 30_000,
          headers: {
            Authorization: `Bearer ${this.#token}`,
            ...(text === undefined
              ? {}
              : {
                  'Content-Type': method === 'PATCH' ? 'application/apply-patch+yaml' : 'application/json',
                  // Node leaves it out where a method usually has no body, as DELETE.
                  'Content-Length': Buffer.byteLength(text),
                }),
          },
        },
        (answer) => {
          let received = '';
          answer.setEncoding('utf8');
          answer.on('data', (part: string) => {
            received += part;
          });
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: received }));
          answer.on('error', reject);
        },
      );
      sent.on('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer for 30 s`)));
      sent.on('error', reject);
      sent.end(text);
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  async #ok(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await this.raw(method, path, body);
    if (answer.status >= 400) throw failure(method, path, answer);
    return JSON.parse(answer.body);
  }
}

function failure(method: string, path: string, { status, body }: KubeAnswer): Error {
  return new Error(`${method} ${path} was answered with ${status}: ${body.slice(0, 1000)}`);
}

/** Where an object is. */
export function objectPath({
  apiVersion,
  kind,
  metadata,
}: Pick<TestObject, 'apiVersion' | 'kind' | 'metadata'>): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const place = clusterScoped.has(kind) ? '' : `/namespaces/${metadata.namespace ?? 'default'}`;
  const plural = irregularPlurals[kind] ?? `${kind.toLowerCase()}s`;
  return `${root}${place}/${plural}/${metadata.name}`;
}
