// The volumes of one pod as directories. In: its pod and what it may refer to. Out: a directory for each volume, its files as the API
// server has them now; tokens are asked for with their audience and asked again at four fifths of their life.

import { chmod, chown, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type {
  V1KeyToPath,
  V1Pod,
  V1ServiceAccountTokenProjection,
  V1Volume,
  V1VolumeProjection,
} from '@kubernetes/client-node';
import type { Clock } from '../../../ca/clock.ts';
import type { KubeApi } from '../kube-api.ts';
import { fieldOf, resourceOf, type PodPlace } from './pod-fields.ts';
import { lookUp, type PodReferences } from './pod-environment.ts';

export interface PodVolumesOptions {
  readonly directory: string;
  readonly place: PodPlace;
  readonly references: PodReferences;
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

interface Token {
  readonly text: string;
  readonly renewAtMs: number;
}

type Files = Map<string, { readonly text: Buffer | string; readonly mode: number }>;

const retryMs = 1000;

export class PodVolumes {
  #pod: V1Pod;
  readonly #options: PodVolumesOptions;
  readonly #tokens = new Map<string, Token>();
  readonly #written = new Map<string, string>();
  #work: Promise<void> = Promise.resolve();

  constructor(pod: V1Pod, options: PodVolumesOptions) {
    this.#pod = pod;
    this.#options = options;
  }

  directoryOf(volume: string): string {
    return join(this.#options.directory, volume);
  }

  /** Makes or brings up to date all of them. Throws when something is referred to that is not there. */
  async write(pod: V1Pod): Promise<void> {
    const before = this.#work;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#work = promise;
    await before;
    try {
      this.#pod = pod;
      for (const volume of pod.spec?.volumes ?? []) await this.#writeVolume(volume);
    } finally {
      resolve();
    }
  }

  /** Renews tokens until the signal is aborted. */
  async renew(): Promise<void> {
    const { clock, signal } = this.#options;
    while (!signal.aborted && this.#tokens.size > 0) {
      const next = Math.min(...[...this.#tokens.values()].map(({ renewAtMs }) => renewAtMs));
      await clock.sleep(Math.max(0, next - clock.now()), signal);
      if (signal.aborted) return;
      await this.write(this.#pod).catch(() => clock.sleep(retryMs, signal));
    }
  }

  async #writeVolume(volume: V1Volume): Promise<void> {
    const directory = this.directoryOf(volume.name);
    const made = await mkdir(directory, { recursive: true });
    const fsGroup = this.#pod.spec?.securityContext?.fsGroup;
    if (made !== undefined) {
      await chmod(directory, fsGroup === undefined ? 0o777 : 0o2777);
      if (fsGroup !== undefined) await chown(directory, 0, fsGroup);
    }
    const files = await this.#filesOf(volume);
    if (files === undefined) return;
    for (const [path, { text, mode }] of files) {
      const target = join(directory, path);
      const content = Buffer.from(text).toString('base64');
      if (this.#written.get(target) === content) continue;
      await mkdir(dirname(target), { recursive: true });
      // A reader sees the old text or the new one.
      await writeFile(`${target}.new`, text, { mode: 0o600 });
      await chmod(`${target}.new`, fsGroup === undefined ? mode : mode | 0o040);
      if (fsGroup !== undefined) await chown(`${target}.new`, 0, fsGroup);
      await rename(`${target}.new`, target);
      this.#written.set(target, content);
    }
    for (const name of await readdir(directory)) {
      if ([...files.keys()].some((path) => path === name || path.startsWith(`${name}/`))) continue;
      await rm(join(directory, name), { recursive: true });
      this.#written.delete(join(directory, name));
    }
  }

  /** Undefined for a volume that belongs to the containers. */
  async #filesOf({ name, configMap, secret, downwardAPI, projected }: V1Volume): Promise<Files | undefined> {
    const mode = (configMap ?? secret ?? downwardAPI ?? projected)?.defaultMode ?? 0o644;
    const files: Files = new Map();
    if (configMap !== undefined) this.#addSource(files, { configMap }, mode);
    else if (secret !== undefined) {
      const { secretName: named = '', ...rest } = secret;
      this.#addSource(files, { secret: { ...rest, name: named } }, mode);
    } else if (downwardAPI !== undefined) this.#addSource(files, { downwardAPI }, mode);
    else if (projected !== undefined) {
      for (const source of projected.sources ?? []) {
        const { serviceAccountToken } = source;
        if (serviceAccountToken === undefined) this.#addSource(files, source, mode);
        else files.set(serviceAccountToken.path, { text: await this.#token(name, serviceAccountToken), mode });
      }
    } else return undefined;
    return files;
  }

  #addSource(files: Files, { configMap, secret, downwardAPI }: V1VolumeProjection, mode: number): void {
    const named = configMap ?? secret;
    if (named !== undefined) {
      const kind = configMap === undefined ? 'secret' : 'configMap';
      const optional = named.optional ?? false;
      const texts = lookUp(this.#options.references, kind, named.name ?? '', optional) ?? {};
      const items: readonly V1KeyToPath[] = named.items ?? Object.keys(texts).map((key) => ({ key, path: key }));
      for (const item of items) {
        const text = texts[item.key];
        if (text !== undefined) files.set(item.path, { text, mode: item.mode ?? mode });
        else if (!optional) throw new Error(`${kind} "${named.name}" has no key "${item.key}"`);
      }
    }
    for (const { path, fieldRef, resourceFieldRef, mode: own } of downwardAPI?.items ?? []) {
      const resource = resourceFieldRef === undefined ? '' : resourceOf(this.#pod, '', resourceFieldRef);
      const text = fieldRef === undefined ? resource : fieldOf(this.#pod, this.#options.place, fieldRef);
      files.set(path, { text, mode: own ?? mode });
    }
  }

  async #token(
    volume: string,
    { audience, expirationSeconds, path }: V1ServiceAccountTokenProjection,
  ): Promise<string> {
    const { api, clock } = this.#options;
    const key = `${volume}/${path}`;
    const held = this.#tokens.get(key);
    if (held !== undefined && clock.now() < held.renewAtMs) return held.text;
    const { metadata, spec } = this.#pod;
    const askedAtMs = clock.now();
    const answer = await api.post(
      `/api/v1/namespaces/${metadata?.namespace}/serviceaccounts/${spec?.serviceAccountName ?? 'default'}/token`,
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          audiences: audience === undefined || audience === '' ? [] : [audience],
          expirationSeconds: expirationSeconds ?? 3600,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: metadata?.name, uid: metadata?.uid },
        },
      },
    );
    const { status } = answer as { readonly status: { readonly token: string; readonly expirationTimestamp: string } };
    // The clock of the tests is not the server's.
    const lifeMs = Date.parse(status.expirationTimestamp) - issuedAtMs(status.token);
    this.#tokens.set(key, { text: status.token, renewAtMs: askedAtMs + lifeMs * 0.8 });
    return status.token;
  }
}

function issuedAtMs(token: string): number {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as {
    readonly iat: number;
  };
  return claims.iat * 1000;
}
