// The objects of a cluster as they are kept: packed, one by one. In: objects as a source tells them. Out: what is packed, to be
// written. Packing takes longer than telling, so an object that changed waits, and those that wait are packed between other work.

import { setImmediate as otherWork } from 'node:timers/promises';
import { keyOf, kindOf, type KubernetesObject } from '../../model/kubernetes-object.ts';
import type { ObjectKey } from '../../model/names.ts';
import { Interner } from '../kube/intern.ts';
import { lineOfObject } from './memorable-object.ts';
import { PackedLines, type PackedContent } from './packed-lines.ts';

/** What waits is whole: when so many objects do, the next one is packed at once. */
const maxWaiting = 4_096;
/** About a millisecond. */
const packedInOneTurn = 8;

export class ObjectMemory {
  readonly #lines = new PackedLines<ObjectKey>();
  #interner = new Interner();
  readonly #waiting = new Map<ObjectKey, KubernetesObject>();

  /** Whether something was noted that is not packed yet. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Characters of all that is packed, unpacked. */
  get length(): number {
    return this.#lines.length;
  }

  /** True when what is packed is another now. */
  note(object: KubernetesObject): boolean {
    const key = keyOf(object);
    if (this.#waiting.size >= maxWaiting && !this.#waiting.has(key)) return this.#pack(key, object);
    this.#waiting.set(key, object);
    return false;
  }

  /** True when what is packed is another now. */
  forget(key: ObjectKey): boolean {
    this.#waiting.delete(key);
    return this.#lines.delete(key);
  }

  clear(): void {
    this.#lines.clear();
    this.#waiting.clear();
    this.#interner = new Interner();
  }

  /** Takes over what was packed before, in place of all that is here; `keys` are those of its lines. */
  restore(content: PackedContent, keys: readonly ObjectKey[]): void {
    this.clear();
    this.#lines.restore(content, keys);
  }

  /** Packs what waits, and what is noted meanwhile. Resolves to true when what is packed is another then. */
  async packWaiting(): Promise<boolean> {
    let changed = false;
    let packed = 0;
    for (const [key, object] of this.#waiting) {
      this.#waiting.delete(key);
      changed = this.#pack(key, object) || changed;
      packed += 1;
      if (packed % packedInOneTurn === 0) await otherWork();
    }
    return changed;
  }

  /** What is packed, as it is now: what changes later does not show. */
  content(): PackedContent {
    return this.#lines.content();
  }

  #pack(key: ObjectKey, object: KubernetesObject): boolean {
    const line = lineOfObject(object, this.#interner);
    return line === undefined ? this.#lines.delete(key) : this.#lines.set(key, kindOf(object), line);
  }
}
