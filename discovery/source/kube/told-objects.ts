// What was told of one kind: for each object only a digest, so that the same content is told once however often it is listed.
// In: objects as the API server sends them. Out: `changed` and `deleted` into the outbox, and problems of bad objects, whose
// last good state stays.

import { hash } from 'node:crypto';
import { isMapping } from '../../convert/field-reader.ts';
import { keyOf, type KubernetesObject } from '../../model/kubernetes-object.ts';
import { objectKey } from '../../model/names.ts';
import type { Origin } from '../../model/problem.ts';
import { parseObject } from '../object-schema.ts';
import type { Interner } from './intern.ts';
import type { ObjectSightings } from './object-sightings.ts';
import type { Outbox } from './outbox.ts';
import { trimObject } from './trim-object.ts';

export interface ToldObjectsOptions {
  /** As keys have it. */
  readonly kind: string;
  readonly outbox: Outbox;
  readonly interner: Interner;
  readonly origin: Origin;
  readonly sightings?: ObjectSightings | undefined;
}

interface Told {
  /** Of the last good state; 0 when there was none. */
  digest: number;
  hasProblems: boolean;
  /** Which feed has it: an object that moved to another feed is not gone because the first one lost it. */
  feed: number;
  /** The last list of that feed in which it was seen. */
  list: number;
}

/** Where an object was seen: a feed's index and the number of its list. */
export interface Sighting {
  readonly feed: number;
  readonly list: number;
}

export class ToldObjects {
  readonly #options: ToldObjectsOptions;
  readonly #told = new Map<string, Told>();

  constructor(options: ToldObjectsOptions) {
    this.#options = options;
  }

  /** Objects whose good state was told, of one feed. */
  count(feed: number): number {
    let count = 0;
    for (const told of this.#told.values()) if (told.feed === feed && told.digest !== 0) count += 1;
    return count;
  }

  /** `value`: one object with its `apiVersion` and `kind`. Returns whether something new was told. */
  seen(value: Readonly<Record<string, unknown>>, { feed, list }: Sighting): boolean {
    const { kind, outbox, interner, origin, sightings } = this.#options;
    // Trimming uses the value up.
    sightings?.seen(kind, value);
    const parsed = parseObject(trimObject(kind, value, interner), 'primary', { origin });
    if (parsed === undefined) return false;
    const id = idOf(value);
    if (id === undefined) return false;
    const told = this.#told.get(id) ?? { digest: 0, hasProblems: false, feed, list };
    this.#told.set(id, told);
    told.feed = feed;
    told.list = list;
    if (Array.isArray(parsed)) {
      told.hasProblems = true;
      outbox.report(this.#problemName(id), parsed);
      return false;
    }
    if (told.hasProblems) outbox.report(this.#problemName(id), []);
    told.hasProblems = false;
    const digest = digestOf(parsed);
    if (digest === told.digest) return false;
    told.digest = digest;
    outbox.push({ kind: 'changed', object: parsed });
    return true;
  }

  /** An object that is there and can't be read: it is not gone. */
  seenUnread(namespace: string, name: string, { feed, list }: Sighting): void {
    const told = this.#told.get(`${namespace}/${name}`);
    if (told?.feed === feed) told.list = list;
  }

  gone(value: Readonly<Record<string, unknown>>, feed: number): boolean {
    const id = idOf(value);
    if (id === undefined || this.#told.get(id)?.feed !== feed) return false;
    this.#forget(id);
    return true;
  }

  /** The list is complete: what this feed had and the list does not is gone. Returns how many. */
  endList({ feed, list }: Sighting): number {
    let removed = 0;
    for (const [id, told] of this.#told) {
      if (told.feed !== feed || told.list === list) continue;
      this.#forget(id);
      removed += 1;
    }
    return removed;
  }

  #forget(id: string): void {
    const told = this.#told.get(id);
    this.#told.delete(id);
    if (told === undefined) return;
    if (told.hasProblems) this.#options.outbox.report(this.#problemName(id), []);
    const slash = id.indexOf('/');
    const key = objectKey(this.#options.kind, id.slice(0, slash), id.slice(slash + 1));
    this.#options.sightings?.gone(key);
    if (told.digest !== 0) this.#options.outbox.push({ kind: 'deleted', key });
  }

  #problemName(id: string): string {
    return `object ${this.#options.kind}/${id}`;
  }
}

/** `NAMESPACE/NAME`, from metadata that may be wrong in every other way. */
export function idOf(value: Readonly<Record<string, unknown>>): string | undefined {
  const metadata = value['metadata'];
  if (!isMapping(metadata) || typeof metadata['name'] !== 'string') return undefined;
  const namespace = metadata['namespace'];
  return `${typeof namespace === 'string' ? namespace : ''}/${metadata['name']}`;
}

/** 48 bits of a hash, never 0. The resource version alone is no change. Compared only with the same object's last one. */
function digestOf(object: KubernetesObject): number {
  const { resourceVersion: _version, ...metadata } = object.metadata;
  const text = JSON.stringify([keyOf(object), object.apiVersion, metadata, object.body]);
  return Number.parseInt(hash('sha1', text, 'hex').slice(0, 12), 16) || 1;
}
