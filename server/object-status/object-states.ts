// The objects of the primary whose status can say what is wrong with them: which version each is at, and what its status says now.
// In: sightings of objects. Out: lookups, and which of them carry a status of ours.

import { isMapping } from '../../discovery/convert/field-reader.ts';
import { objectKey, type ObjectKey } from '../../discovery/model/names.ts';
import { kubeKinds, nameOfKind } from '../../discovery/source/kube/kube-kinds.ts';
import type { ObjectSightings } from '../../discovery/source/kube/object-sightings.ts';
import type { ObjectPlace } from '../kube/kube-object.ts';
import { isOwn } from './own-status.ts';

export type StatusFields = Readonly<Record<string, unknown>>;

export interface ObjectState {
  readonly key: ObjectKey;
  /** As keys have it. */
  readonly kind: string;
  readonly place: ObjectPlace;
  readonly name: string;
  readonly resourceVersion: string;
  /** Counts changes of what is declared; absent where the API server does not count. */
  readonly generation: number | undefined;
  readonly conditions: readonly StatusFields[];
  readonly validationMessages: readonly StatusFields[];
  /** When this generation was first seen, on the clock that the states were given. */
  readonly seenAtMs: number;
}

const none: readonly StatusFields[] = Object.freeze([]);

/** Istio's kinds that are read: the published definitions give each of them an `IstioStatus`. Plural by kind. */
export function statusKinds(): ReadonlyMap<string, string> {
  const ofIstio = kubeKinds.filter(({ group }) => group.endsWith('.istio.io'));
  return new Map(ofIstio.map((kind) => [nameOfKind(kind), kind.plural]));
}

export class ObjectStates implements ObjectSightings {
  readonly #plurals = statusKinds();
  readonly #states = new Map<ObjectKey, ObjectState>();
  readonly #marked = new Set<ObjectKey>();
  readonly #now: () => number;

  /** @param now milliseconds from any start */
  constructor(now: () => number) {
    this.#now = now;
  }

  get(key: ObjectKey): ObjectState | undefined {
    return this.#states.get(key);
  }

  /** Those whose status says something of ours. */
  get marked(): ReadonlySet<ObjectKey> {
    return this.#marked;
  }

  seen(kind: string, value: StatusFields): void {
    const plural = this.#plurals.get(kind);
    const { apiVersion, metadata, status } = value;
    if (plural === undefined || typeof apiVersion !== 'string' || !isMapping(metadata)) return;
    const { name, namespace = '', resourceVersion, generation } = metadata;
    if (typeof name !== 'string' || typeof namespace !== 'string' || typeof resourceVersion !== 'string') return;
    const key = objectKey(kind, namespace, name);
    const before = this.#states.get(key);
    const number = typeof generation === 'number' ? generation : undefined;
    const conditions = listOf(status, 'conditions');
    const validationMessages = listOf(status, 'validationMessages');
    this.#states.set(key, {
      key,
      kind,
      place: before?.place.apiVersion === apiVersion ? before.place : { apiVersion, plural, namespace },
      name,
      resourceVersion,
      generation: number,
      conditions,
      validationMessages,
      seenAtMs: before !== undefined && before.generation === number ? before.seenAtMs : this.#now(),
    });
    if (conditions.some(isOwn) || validationMessages.some(isOwn)) this.#marked.add(key);
    else this.#marked.delete(key);
  }

  gone(key: ObjectKey): void {
    this.#states.delete(key);
    this.#marked.delete(key);
  }
}

function listOf(status: unknown, name: string): readonly StatusFields[] {
  const list = isMapping(status) ? status[name] : undefined;
  return Array.isArray(list) && list.length > 0 ? list.filter(isMapping) : none;
}
