// The resources of one view, a set a type, edited together: an edit whose bytes are the same as before is no edit.

import type { Resource } from '../generate/resource.ts';
import { encodeResource, encodeResourceBytes, type ResourceBytes } from './encode-resource.ts';
import type { EncodedResource, ResourceName } from './encoded-resource.ts';
import { emptyResourceSet, type ResourceSet } from './type-snapshot.ts';

/** Called with the type of every resource that is encoded, whether its bytes turn out new or not. */
export type EncodingListener = (typeUrl: string) => void;

type Edits = Map<ResourceName, EncodedResource | undefined>;

/** Mutable holder of immutable sets. */
export class ResourceSets {
  readonly #sets: Map<string, ResourceSet>;
  readonly #edits = new Map<string, Edits>();
  readonly #onEncoded: EncodingListener;

  /** `from`: the sets to begin with. */
  constructor(onEncoded: EncodingListener = () => undefined, from?: ResourceSets) {
    this.#sets = new Map(from && from.#sets);
    this.#onEncoded = onEncoded;
  }

  /** The set of a type as of the last `commit`. */
  get(typeUrl: string): ResourceSet {
    return this.#sets.get(typeUrl) ?? emptyResourceSet;
  }

  /** Encodes a resource and stages it; equal bytes leave the encoded resource that is there. */
  put<T>(resource: Resource<T>): ResourceName {
    return this.#putEncoded(encodeResource(resource));
  }

  /** As `put`, for a message whose bytes exist already. */
  putBytes(resource: ResourceBytes): ResourceName {
    return this.#putEncoded(encodeResourceBytes(resource));
  }

  /** Stages a removal. */
  remove(typeUrl: string, name: ResourceName): void {
    this.#stage(typeUrl, name, undefined);
  }

  /** Stages the removal of each of `before` that is not among `after`. */
  removeMissing(typeUrl: string, before: Iterable<ResourceName> | undefined, after: ReadonlySet<ResourceName>): void {
    for (const name of before ?? []) if (!after.has(name)) this.remove(typeUrl, name);
  }

  /** Makes `resources` the whole set of their type. */
  replaceAll<T>(typeUrl: string, resources: readonly Resource<T>[]): void {
    const kept = new Set(resources.map((resource) => this.put(resource)));
    this.removeMissing(typeUrl, this.get(typeUrl).keys(), kept);
  }

  /** Applies what was staged. Returns the types whose set is now another one. */
  commit(): ReadonlySet<string> {
    const changed = new Set<string>();
    for (const [typeUrl, edits] of this.#edits) {
      const before = this.get(typeUrl);
      const after = before.with(edits);
      if (after === before) continue;
      this.#sets.set(typeUrl, after);
      changed.add(typeUrl);
    }
    this.#edits.clear();
    return changed;
  }

  #putEncoded(resource: EncodedResource): ResourceName {
    this.#stage(resource.typeUrl, resource.name, resource);
    this.#onEncoded(resource.typeUrl);
    return resource.name;
  }

  #stage(typeUrl: string, name: ResourceName, resource: EncodedResource | undefined): void {
    const edits = this.#edits.get(typeUrl) ?? new Map<ResourceName, EncodedResource | undefined>();
    const current = this.get(typeUrl).get(name);
    edits.set(name, current !== undefined && current.version === resource?.version ? current : resource);
    this.#edits.set(typeUrl, edits);
  }
}
