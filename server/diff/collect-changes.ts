// Gathers what differs for each class of proxies into one list of resources and one of proxies. In: the changes of a class, one after
// the other. Out: each distinct change once, with who would get it. Bounded: beyond the limit resources are counted and not kept.

import type { ClassChange, ResourceChange } from '../cache/preview-class.ts';
import type { Proxy } from '../proxy/proxy.ts';
import { shortTypeName } from '../admin/proxy-status.ts';
import type { DiffProxies } from './diff-report.ts';

export interface CollectedResource extends ResourceChange {
  readonly typeUrl: string;
  readonly name: string;
  readonly proxies: Set<string>;
}

export interface CollectLimits {
  readonly resources: number;
  readonly proxies: number;
  readonly groups: number;
}

export class CollectedChanges {
  readonly #limits: CollectLimits;
  readonly #resources = new Map<string, CollectedResource>();
  readonly #groups: DiffProxies[] = [];
  readonly #proxies = new Set<string>();
  moreResources = 0;
  moreGroups = 0;

  constructor(limits: CollectLimits) {
    this.#limits = limits;
  }

  /** A pause after each resource. */
  *add({ proxies, resources }: ClassChange): Generator<undefined> {
    const names = [...new Set(proxies.map(nameOf))].toSorted();
    for (const name of names) this.#proxies.add(name);
    const counts: Record<string, number> = {};
    for (const change of resources) {
      const one = change.after ?? change.before;
      if (one === undefined) continue;
      const type = shortTypeName(one.typeUrl);
      counts[type] = (counts[type] ?? 0) + 1;
      this.#put(change, names);
      yield;
    }
    if (this.#groups.length >= this.#limits.groups) this.moreGroups += names.length;
    else {
      this.#groups.push({ proxyCount: names.length, proxies: names.slice(0, this.#limits.proxies), resources: counts });
    }
  }

  /** By type and name. */
  get resources(): readonly CollectedResource[] {
    return [...this.#resources.values()].toSorted((a, b) =>
      `${a.typeUrl} ${a.name}` < `${b.typeUrl} ${b.name}` ? -1 : 1,
    );
  }

  /** By their first proxies. */
  get groups(): readonly DiffProxies[] {
    return this.#groups.toSorted((a, b) => ((a.proxies[0] ?? '') < (b.proxies[0] ?? '') ? -1 : 1));
  }

  get proxyCount(): number {
    return this.#proxies.size;
  }

  #put({ before, after }: ResourceChange, names: readonly string[]): void {
    const { typeUrl = '', name = '' } = after ?? before ?? {};
    const key = [typeUrl, name, before?.version ?? '', after?.version ?? ''].join('\n');
    const known = this.#resources.get(key);
    if (known !== undefined) for (const proxy of names) known.proxies.add(proxy);
    else if (this.#resources.size >= this.#limits.resources) this.moreResources += 1;
    else this.#resources.set(key, { typeUrl, name, before, after, proxies: new Set(names) });
  }
}

export function nameOf({ name, namespace }: Proxy): string {
  return `${name}.${namespace}`;
}
