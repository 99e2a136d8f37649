// The objects of a cluster as they are kept: packed, one by one. In: objects as a source tells them. Out: what is packed, to be
// written. Packing takes longer than telling, so an object that changed waits, and those that wait are packed between other work.

import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { keyOf, kindOf, type KubernetesObject } from '../../model/kubernetes-object.ts';
import type { ObjectKey } from '../../model/names.ts';
import { Interner } from '../kube/intern.ts';
import { lineOfObject } from './memorable-object.ts';
import { PackedLines, type PackedContent } from './packed-lines.ts';

/** What waits is whole: when so many objects do, the next one is packed at once. */
const maxWaiting = 4_096;
/** About a millisecond's work, and how long others have the processor then: packing is never urgent. */
const packedInOneTurn = 8;
const restMs = 10;

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

  /**
   * Packs what waits now: at leisure, or without a rest once the signal is aborted. Resolves to true when what is packed is
   * another then.
   */
  async packWaiting(hurry: AbortSignal): Promise<boolean> {
    let changed = false;
    let left = this.#waiting.size;
    for (const [key, object] of this.#waiting) {
      this.#waiting.delete(key);
      changed = this.#pack(key, object) || changed;
      left -= 1;
      if (left === 0) break;
      if (left % packedInOneTurn === 0) await rest(hurry);
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

async function rest(hurry: AbortSignal): Promise<void> {
  await delay(restMs, undefined, { signal: hurry }).catch(() => nextTurn());
}
