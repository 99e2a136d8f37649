// An object of the primary as it is read and written whole: what names it is checked, the rest is as the API server has it.

import { isMapping } from '../../discovery/convert/field-reader.ts';

/** Where objects of a kind are. */
export interface ObjectPlace {
  /** `v1` or `GROUP/VERSION`. */
  readonly apiVersion: string;
  /** The resource's name in paths. */
  readonly plural: string;
  /** Absent for kinds that are in none. */
  readonly namespace?: string | undefined;
}

/** What is sent. */
export interface NewObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly annotations?: Readonly<Record<string, string>> | undefined;
    /** Present: the version that is replaced; another one is a conflict. */
    readonly resourceVersion?: string | undefined;
    /** Whoever these are takes the object along when it goes. */
    readonly ownerReferences?: readonly Readonly<Record<string, unknown>>[] | undefined;
  };
  readonly [field: string]: unknown;
}

/** What is merged into a status: lists replace lists. */
export interface StatusPatch {
  readonly metadata: { readonly resourceVersion: string };
  readonly status: Readonly<Record<string, unknown>>;
}

/** What was received. */
export interface StoredObject {
  readonly name: string;
  readonly resourceVersion: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The path of a collection, or of one object of it. */
export function pathOf({ apiVersion, plural, namespace }: ObjectPlace, name?: string): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const within = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  const collection = `${root}${within}/${plural}`;
  return name === undefined ? collection : `${collection}/${encodeURIComponent(name)}`;
}

/** Undefined for what is not an object of the API. */
export function storedObject(value: unknown): StoredObject | undefined {
  if (!isMapping(value) || !isMapping(value['metadata'])) return undefined;
  const { name, resourceVersion } = value['metadata'];
  if (typeof name !== 'string' || typeof resourceVersion !== 'string') return undefined;
  return { name, resourceVersion, fields: value };
}

/** A field of objects within objects; undefined when it or a parent of it is missing. */
export function fieldOf(value: unknown, ...path: readonly string[]): unknown {
  let inner = value;
  for (const name of path) inner = isMapping(inner) ? inner[name] : undefined;
  return inner;
}

/** The same for text. */
export function textOf(value: unknown, ...path: readonly string[]): string | undefined {
  const inner = fieldOf(value, ...path);
  return typeof inner === 'string' ? inner : undefined;
}
