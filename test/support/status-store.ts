// Objects with a status as an API server keeps them, for tests of who writes statuses on a clock that stands still: versions, conflicts,
// rights and definitions without a status. In: objects. Out: what was written, and sightings as a watch tells them.

import { isMapping } from '../../discovery/convert/field-reader.ts';
import type { ObjectSightings } from '../../discovery/source/kube/object-sightings.ts';
import { KubeError, statusError } from '../../discovery/source/kube/kube-error.ts';
import { storedObject, type ObjectPlace, type StatusPatch, type StoredObject } from '../../server/kube/kube-object.ts';
import type { PrimaryClient } from '../../server/kube/primary-client.ts';

export interface StoredStatus {
  readonly conditions?: readonly Readonly<Record<string, unknown>>[];
  readonly validationMessages?: readonly Readonly<Record<string, unknown>>[];
}

interface Stored {
  readonly name: string;
  readonly generation: number;
  readonly resourceVersion: string;
  readonly status: StoredStatus | undefined;
}

const apiVersion = 'networking.istio.io/v1';
const namespace = 'shop';

export class StatusStore implements Pick<PrimaryClient, 'patchStatus' | 'resourcesOf'> {
  /** Names, one for each patch that was asked for. */
  readonly asked: string[] = [];
  /** Answers instead of the store; undefined leaves it to the store. */
  refuse: (name: string) => KubeError | undefined = () => undefined;
  /** Plural names with a status. */
  withStatus: readonly string[] = ['virtualservices'];
  /** Whether a watch tells what was written. */
  isWatched = true;
  readonly #sightings: ObjectSightings;
  readonly #objects = new Map<string, Stored>();
  #version = 0;

  constructor(sightings: ObjectSightings) {
    this.#sightings = sightings;
  }

  /** A VirtualService whose declaration is written: another generation. */
  declare(name: string): void {
    const before = this.#objects.get(name);
    this.#put({ name, generation: (before?.generation ?? 0) + 1, status: before?.status });
  }

  /** Somebody else writes its status. */
  writeStatus(name: string, status: StoredStatus): void {
    const { generation } = this.#known(name);
    this.#put({ name, generation, status });
  }

  remove(name: string): void {
    this.#objects.delete(name);
  }

  status(name: string): StoredStatus | undefined {
    return this.#known(name).status;
  }

  /** By type, the status of each condition. */
  conditions(name: string): Readonly<Record<string, unknown>> {
    const { conditions = [] } = this.status(name) ?? {};
    return Object.fromEntries(conditions.map(({ type, status }) => [type, status]));
  }

  /** What a list tells. */
  tellAll(sightings: ObjectSightings = this.#sightings): void {
    for (const stored of this.#objects.values()) sightings.seen('VirtualService', valueOf(stored));
  }

  async patchStatus(place: ObjectPlace, name: string, patch: StatusPatch): Promise<StoredObject | KubeError> {
    this.asked.push(name);
    const refused = this.refuse(name);
    if (refused !== undefined) return refused;
    const before = this.#objects.get(name);
    if (before === undefined || place.namespace !== namespace) return statusError(404, `${name} not found`);
    if (before.resourceVersion !== patch.metadata.resourceVersion) return statusError(409, 'it was modified');
    const written = this.#put({ name, generation: before.generation, status: { ...before.status, ...patch.status } });
    return storedObject(valueOf(written)) ?? new KubeError('malformed', 'not an object');
  }

  async resourcesOf(version: string): Promise<ReadonlySet<string>> {
    if (version !== apiVersion) return new Set();
    return new Set(['virtualservices', 'sidecars', ...this.withStatus.map((plural) => `${plural}/status`)]);
  }

  #known(name: string): Stored {
    const found = this.#objects.get(name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  }

  #put(object: Omit<Stored, 'resourceVersion'>): Stored {
    this.#version += 1;
    const stored = { ...object, resourceVersion: String(this.#version) };
    this.#objects.set(object.name, stored);
    if (this.isWatched) this.#sightings.seen('VirtualService', valueOf(stored));
    return stored;
  }
}

/** As it comes over the wire: nothing is shared with what is stored. */
function valueOf({ name, generation, resourceVersion, status }: Stored): Readonly<Record<string, unknown>> {
  const metadata = { name, namespace, generation, resourceVersion };
  const value: unknown = JSON.parse(JSON.stringify({ apiVersion, kind: 'VirtualService', metadata, status }));
  return isMapping(value) ? value : {};
}
