// The types that one stream asks for, in the order in which a change reaches the client, and which of them wait for anything.

import type { DeltaAnswer } from '../../proto/read-delta-answer.ts';
import type { TypeDelivery } from './type-delivery.ts';
import { typeUrls } from './type-rules.ts';

export class SubscribedTypes {
  /** In the order in which a change is sent. */
  #types: ReadonlyMap<string, TypeDelivery> = new Map();
  /** Of them, those with something unsent or unanswered, in no order: a change and its answer touch no others. */
  #busy: TypeDelivery[] = [];

  get size(): number {
    return this.#types.size;
  }

  get(typeUrl: string): TypeDelivery | undefined {
    return this.#types.get(typeUrl);
  }

  /** In the order in which a change is sent. */
  values(): Iterable<TypeDelivery> {
    return this.#types.values();
  }

  add(type: TypeDelivery): void {
    const types = [...this.#types.values(), type].toSorted((one, other) => one.rank - other.rank);
    this.#types = new Map(types.map((one) => [one.typeUrl, one]));
  }

  clear(): void {
    this.#types = new Map();
    this.#busy = [];
  }

  /** The client may lack something of the type. */
  owe(type: TypeDelivery): void {
    if (!this.#busy.includes(type)) this.#busy.push(type);
    type.unsent = 'additions';
  }

  /** The type whose response this answers: found by its nonce, which is unique on a stream. */
  answered({ typeUrl, responseNonce }: DeltaAnswer): TypeDelivery | undefined {
    for (const type of this.#busy) {
      if (type.sentNonce === responseNonce) return type.typeUrl === typeUrl ? type : undefined;
    }
    return undefined;
  }

  /** Nearly always none or one: the answer to a response, and the change of one type. Clusters concern other types too. */
  unsent(): TypeDelivery | 'none' | 'several' {
    let only: TypeDelivery | undefined;
    for (const type of this.#busy) {
      if (type.unsent === 'none') continue;
      if (only !== undefined || type.typeUrl === typeUrls.cluster) return 'several';
      only = type;
    }
    return only ?? 'none';
  }

  /** Whether nothing is unsent or unanswered. */
  settled(): boolean {
    if (this.#busy.some(isSettled)) this.#busy = this.#busy.filter((type) => !type.settled);
    return this.#busy.length === 0;
  }
}

function isSettled(type: TypeDelivery): boolean {
  return type.settled;
}
