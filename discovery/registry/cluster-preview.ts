// A cluster as it would be with other objects in it. In: objects that would be written or deleted. Out: what is wrong with each, and the
// snapshot that would follow, sharing all that stays as it is. The cluster itself, which may go on changing meanwhile, stays untouched.

import { isDeepStrictEqual } from 'node:util';
import { convertPod } from '../convert/pod.ts';
import type { ClusterSnapshot } from '../model/cluster-snapshot.ts';
import { keyOf, kindOf, type KubernetesObject } from '../model/kubernetes-object.ts';
import { parseObjectKey, type Hostname, type ObjectKey } from '../model/names.ts';
import type { Problem } from '../model/problem.ts';
import type { ResolvedName } from '../model/resolved-name.ts';
import { asAssigned } from './as-assigned.ts';
import { ClusterIndex } from './cluster-index.ts';
import type { Derivation } from './derivation.ts';
import { foldDeletion, foldObject } from './fold-object.ts';
import type { ObjectForms } from './object-forms.ts';

export interface ClusterPreviewOptions {
  readonly index: ClusterIndex;
  readonly derivation: Derivation;
  /** Which form is in force of what is held back. */
  readonly forms: Pick<ObjectForms, 'declare'>;
  /** What is known of a host name, without anybody looking it up for this. */
  readonly peek: (hostname: string) => ResolvedName;
  /** An API server gives an object its time and a Service its addresses: what is there keeps its own, what is new is of this time. */
  readonly assignedAtMs?: number | undefined;
}

/**
 * What became of an object, against what the cluster has of it. `passed-over`: it says nothing before it runs. `not-looked-at`: nothing is
 * held of it, and so nothing is known of what it was.
 */
export type Written = 'added' | 'changed' | 'unchanged' | 'refused' | 'passed-over' | 'not-looked-at';
export type Deleted = 'removed' | 'absent' | 'not-looked-at';

/** Of these no object is held as such: at most a setting is taken from one. */
const unheldKinds =
  /^(Namespace|ConfigMap|ServiceAccount|Secret|WorkloadGroup|(Mutating|Validating)WebhookConfiguration\..*)$/;

export class ClusterPreview {
  readonly #options: ClusterPreviewOptions;
  readonly #index: ClusterIndex;
  readonly #entryHosts = new Set<Hostname>();

  constructor(options: ClusterPreviewOptions) {
    this.#options = options;
    this.#index = new ClusterIndex(options.index);
  }

  /** As if the source told of this object. */
  write(object: KubernetesObject): { readonly outcome: Written; readonly problems: readonly Problem[] } {
    const { index, derivation, assignedAtMs, forms } = this.#options;
    const isPod = kindOf(object) === 'Pod' && assignedAtMs !== undefined;
    if (isPod && (convertPod(object).value?.addresses ?? []).length === 0)
      return { outcome: 'passed-over', problems: [] };
    const whole = assignedAtMs === undefined ? object : asAssigned(object, index, assignedAtMs);
    const key = keyOf(whole);
    const settings = this.#settingsOf(key);
    const problems = foldObject(this.#index, whole, derivation.context, forms);
    if (problems.some(({ severity }) => severity === 'error')) return { outcome: 'refused', problems };
    return { outcome: this.#writtenAs(key, settings), problems };
  }

  /** As if the source told that the object is gone. */
  delete(key: ObjectKey): Deleted {
    const isThere = this.#options.index.has(key);
    const settings = this.#settingsOf(key);
    foldDeletion(this.#index, key, this.#options.derivation.context);
    if (!unheldKinds.test(parseObjectKey(key).kind)) return isThere ? 'removed' : 'absent';
    return isDeepStrictEqual(settings, this.#settingsOf(key)) ? 'not-looked-at' : 'removed';
  }

  /** Policies and ServiceEntries of a namespace, as the cluster has them. */
  configurationOf(namespace: string): readonly ObjectKey[] {
    const { policies, serviceEntries } = this.#options.index;
    return [...policies.keys(), ...serviceEntries.keys()].filter((key) => parseObjectKey(key).namespace === namespace);
  }

  /** What follows from the cluster as it is now. */
  snapshot(): ClusterSnapshot {
    const index = this.#index;
    const { affected } = index;
    const derivation = this.#options.derivation.over(index, this.#options.peek);
    for (const host of index.serviceEntries.takeTouched()) this.#entryHosts.add(host);
    index.serviceEntries.touch(this.#entryHosts);
    derivation.derive();
    // It is asked again when the cluster has changed.
    index.affected = affected;
    return derivation.snapshot;
  }

  #writtenAs(key: ObjectKey, settings: readonly unknown[]): Written {
    if (unheldKinds.test(parseObjectKey(key).kind)) {
      return isDeepStrictEqual(settings, this.#settingsOf(key)) ? 'not-looked-at' : 'changed';
    }
    const before = this.#options.index.declared(key);
    if (before === undefined) return 'added';
    const after = this.#index.declared(key) ?? {};
    // Where it was read is no part of what it says.
    return isDeepStrictEqual({ ...before, origin: '' }, { ...after, origin: '' }) ? 'unchanged' : 'changed';
  }

  /** What is taken from an object of a kind that is not held. */
  #settingsOf(key: ObjectKey): readonly unknown[] {
    const { meshSettings, roots, injectedNamespaces, systemNetworkLabel } = this.#index;
    const { kind, namespace, name } = parseObjectKey(key);
    if (kind === 'Namespace') return [injectedNamespaces.has(name), systemNetworkLabel, roots.get('')];
    return kind === 'ConfigMap' ? [meshSettings, roots.get(namespace)] : [];
  }
}
