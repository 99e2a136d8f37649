// Reads and writes single objects of the primary. Every failure is a value, a `KubeError`; a 401 is tried once more with
// credentials that were read again. There is no client like this for a remote cluster.

import type { Clock } from '../../ca/clock.ts';
import { ClusterAccess } from '../../discovery/source/kube/cluster-access.ts';
import { connectionError, KubeError, statusError } from '../../discovery/source/kube/kube-error.ts';
import { statusMessage } from '../../discovery/source/kube/watch-event.ts';
import {
  fieldOf,
  pathOf,
  storedObject,
  textOf,
  type NewObject,
  type ObjectPlace,
  type StatusPatch,
  type StoredObject,
} from './kube-object.ts';
import type { PrimaryKubeConfig } from './primary-kube-config.ts';
import { sendRequest, type KubeRequest, type KubeResponse } from './send-request.ts';

export interface PrimaryClientOptions {
  readonly config: PrimaryKubeConfig;
  readonly clock: Clock;
  /** How long an answer may take; 10 seconds if left out. */
  readonly timeoutMs?: number | undefined;
}

/** An API server stores objects of at most 1.5 MiB by default. */
const maxAnswerBytes = 4 * 1024 * 1024;
/** Whose fields they are in server-side apply. */
const fieldManager = 'isthmus';
/** Whose the status of an object is, so that `managedFields` tells it from what others wrote. */
const statusManager = 'isthmus-status';

export class PrimaryClient {
  readonly systemNamespace: string;
  /** The same connections serve lists and watches. */
  readonly access: ClusterAccess;
  readonly clock: Clock;
  readonly timeoutMs: number;

  constructor({ config, clock, timeoutMs = 10_000 }: PrimaryClientOptions) {
    this.systemNamespace = config.systemNamespace;
    this.access = new ClusterAccess(config.credentials);
    this.clock = clock;
    this.timeoutMs = timeoutMs;
  }

  /** `absent` when there is none. */
  get(place: ObjectPlace, name: string, signal: AbortSignal): Promise<StoredObject | KubeError> {
    return this.#object({ method: 'GET', path: pathOf(place, name) }, signal);
  }

  /** `conflict` when there is one already. */
  create(place: ObjectPlace, object: NewObject, signal: AbortSignal): Promise<StoredObject | KubeError> {
    return this.#object({ method: 'POST', path: pathOf(place), body: object }, signal);
  }

  /** `conflict` when it is no longer at the `resourceVersion` that the object carries. */
  replace(place: ObjectPlace, object: NewObject, signal: AbortSignal): Promise<StoredObject | KubeError> {
    return this.#object({ method: 'PUT', path: pathOf(place, object.metadata.name), body: object }, signal);
  }

  /** `replace` of the status alone, which is a resource of its own. */
  replaceStatus(place: ObjectPlace, object: NewObject, signal: AbortSignal): Promise<StoredObject | KubeError> {
    const path = `${pathOf(place, object.metadata.name)}/status`;
    return this.#object({ method: 'PUT', path, body: object }, signal);
  }

  /** JSON merge patch of the status alone. `conflict` when it is no longer at the `resourceVersion` that the patch carries. */
  patchStatus(
    place: ObjectPlace,
    name: string,
    patch: StatusPatch,
    signal: AbortSignal,
  ): Promise<StoredObject | KubeError> {
    const path = `${pathOf(place, name)}/status?fieldManager=${statusManager}`;
    return this.#object({ method: 'PATCH', path, body: patch, contentType: 'application/merge-patch+json' }, signal);
  }

  /** What an API version serves, as discovery names it: `virtualservices`, `virtualservices/status`. Empty when there is no such version. */
  async resourcesOf(apiVersion: string, signal: AbortSignal): Promise<ReadonlySet<string> | KubeError> {
    const answer = parseJson(await this.#send({ method: 'GET', path: `/apis/${apiVersion}` }, signal));
    if (answer instanceof KubeError) return answer.code === 'absent' ? new Set() : answer;
    const resources = fieldOf(answer, 'resources');
    return new Set(Array.isArray(resources) ? resources.map((resource) => textOf(resource, 'name') ?? '') : []);
  }

  /** Undefined when it is gone. `absent` when there is none, `conflict` when it is at another version. */
  async remove(
    place: ObjectPlace,
    { name, resourceVersion }: { readonly name: string; readonly resourceVersion: string },
    signal: AbortSignal,
  ): Promise<KubeError | undefined> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { resourceVersion } };
    const answer = await this.#send({ method: 'DELETE', path: pathOf(place, name), body }, signal);
    return answer instanceof KubeError ? answer : undefined;
  }

  /**
   * Server-side apply: makes the fields that are given what they say, whoever wrote them, creates the object when there is
   * none, and leaves all else. Writing what is there already changes nothing.
   * https://kubernetes.io/docs/reference/using-api/server-side-apply/
   */
  apply(place: ObjectPlace, object: NewObject, signal: AbortSignal): Promise<StoredObject | KubeError> {
    const path = `${pathOf(place, object.metadata.name)}?fieldManager=${fieldManager}&force=true`;
    return this.#object({ method: 'PATCH', path, body: object, contentType: 'application/apply-patch+yaml' }, signal);
  }

  /** Asks the API server something by posting it, as reviews of tokens and rights do. The answer as it is. */
  async ask(path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    return parseJson(await this.#send({ method: 'POST', path, body }, signal));
  }

  /** Of Kubernetes, as the API server says it; anybody may ask. */
  async serverVersion(signal: AbortSignal): Promise<{ readonly major: number; readonly minor: number } | KubeError> {
    const answer = parseJson(await this.#send({ method: 'GET', path: '/version' }, signal));
    if (answer instanceof KubeError) return answer;
    // Some vendors write `29+`.
    const numberOf = (name: string): number => Number.parseInt(textOf(answer, name) ?? '', 10);
    const version = { major: numberOf('major'), minor: numberOf('minor') };
    if (Number.isInteger(version.major) && Number.isInteger(version.minor)) return version;
    return new KubeError('malformed', 'the API server does not say its version');
  }

  /** Closes every connection. */
  close(): void {
    this.access.close();
  }

  async #object(request: KubeRequest, signal: AbortSignal): Promise<StoredObject | KubeError> {
    const answer = parseJson(await this.#send(request, signal));
    if (answer instanceof KubeError) return answer;
    return storedObject(answer) ?? new KubeError('malformed', 'the API server sent an answer that is no object');
  }

  async #send(request: KubeRequest, signal: AbortSignal): Promise<KubeResponse | KubeError> {
    const { clock, timeoutMs } = this;
    const common = { clock, timeoutMs, maxBytes: maxAnswerBytes, signal };
    try {
      const access = await this.access.current();
      const answer = await sendRequest(request, { ...common, access });
      if (answer instanceof KubeError) return answer;
      if (answer.status !== 401) return checked(answer);
      const again = await sendRequest(request, { ...common, access: await this.access.refresh(access) });
      return again instanceof KubeError ? again : checked(again);
    } catch (error) {
      // Only credentials that can't be read come here.
      return connectionError(error);
    }
  }
}

function checked(answer: KubeResponse): KubeResponse | KubeError {
  if (answer.status >= 200 && answer.status < 300) return answer;
  return statusError(answer.status, statusMessage(answer.text), answer.retryAfter);
}

function parseJson(answer: KubeResponse | KubeError): unknown {
  if (answer instanceof KubeError) return answer;
  try {
    return JSON.parse(answer.text);
  } catch (error) {
    return new KubeError('malformed', 'the API server sent an answer that is not JSON', { cause: error });
  }
}
