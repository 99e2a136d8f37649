// Which version of an installable API the server serves at present. One answer a group is shared by all its kinds and asked
// for again after a while, so that a CustomResourceDefinition is found when it appears.

import { isMapping } from '../../convert/field-reader.ts';
import { jittered, type Random } from './back-off.ts';
import type { Clock } from './clock.ts';
import type { KubeClient } from './kube-client.ts';
import { KubeError } from './kube-error.ts';
import type { KubeKind } from './kube-kinds.ts';

export interface ApiDiscoveryOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  /** How long an answer holds. */
  readonly maxAgeMs: number;
}

/** Plural names that each served version has, by version. */
type GroupResources = ReadonlyMap<string, ReadonlySet<string>>;

interface Known {
  readonly resources: Promise<GroupResources>;
  readonly untilMs: number;
}

const maxAnswerBytes = 4 * 1024 * 1024;

export class ApiDiscovery {
  readonly #options: ApiDiscoveryOptions;
  readonly #groups = new Map<string, Known>();

  constructor(options: ApiDiscoveryOptions) {
    this.#options = options;
  }

  /** The first of the kind's versions that is served; undefined when none is. Throws what the request throws. */
  async versionOf(kind: KubeKind, signal: AbortSignal): Promise<string | undefined> {
    if (!kind.installable) return kind.versions[0];
    const resources = await this.#resources(kind.group, signal);
    return kind.versions.find((version) => resources.get(version)?.has(kind.plural));
  }

  /** The next question is asked afresh. */
  forget(group: string): void {
    this.#groups.delete(group);
  }

  async #resources(group: string, signal: AbortSignal): Promise<GroupResources> {
    const { clock, random, maxAgeMs } = this.#options;
    const known = this.#groups.get(group);
    if (known !== undefined && clock.now() < known.untilMs) return await known.resources;
    const asked: Known = { resources: this.#ask(group, signal), untilMs: clock.now() + jittered(maxAgeMs, random) };
    this.#groups.set(group, asked);
    try {
      return await asked.resources;
    } catch (error) {
      if (this.#groups.get(group) === asked) this.#groups.delete(group);
      throw error;
    }
  }

  async #ask(group: string, signal: AbortSignal): Promise<GroupResources> {
    const resources = new Map<string, ReadonlySet<string>>();
    const answer = await this.#get(`/apis/${group}`, signal);
    for (const served of listOf(answer, 'versions')) {
      const version = isMapping(served) ? served['version'] : undefined;
      if (typeof version !== 'string') continue;
      const list = await this.#get(`/apis/${group}/${version}`, signal);
      const names = listOf(list, 'resources').map((item) => (isMapping(item) ? item['name'] : undefined));
      resources.set(version, new Set(names.filter((name) => typeof name === 'string')));
    }
    return resources;
  }

  /** Undefined when it is not served. */
  async #get(path: string, signal: AbortSignal): Promise<unknown> {
    try {
      return await this.#options.client.getJson(path, { maxBytes: maxAnswerBytes, signal });
    } catch (error) {
      if (error instanceof KubeError && error.code === 'absent') return undefined;
      throw error;
    }
  }
}

function listOf(value: unknown, field: string): readonly unknown[] {
  const list = isMapping(value) ? value[field] : undefined;
  return Array.isArray(list) ? list : [];
}
