// Who has still to be told that what it is sent differs. Few are told at once. Many are told in slices between which all other events
// are handled, changes and answers among them: what changes meanwhile is told with the rest, and nobody is told twice.

export interface FanOutOptions<Member> {
  /** `types` differ from what the member was told before; it reads for itself what they are now. */
  readonly tell: (member: Member, types: ReadonlySet<string>) => void;
  /** Calls back once the events that wait now are handled, as `setImmediate` does. */
  readonly afterEvents?: ((run: () => void) => void) | undefined;
}

/** About 13 ms of work: half of what the door of an instance takes for lateness. */
export const membersPerSlice = 512;

export class FanOut<Member> {
  readonly #tell: (member: Member, types: ReadonlySet<string>) => void;
  readonly #afterEvents: (run: () => void) => void;
  /** In the order of waiting; never more than there are members. */
  readonly #waiting = new Map<Member, ReadonlySet<string>>();
  #isUnderWay = false;

  constructor({ tell, afterEvents = (run) => void setImmediate(run) }: FanOutOptions<Member>) {
    this.#tell = tell;
    this.#afterEvents = afterEvents;
  }

  /** Members that have not been told yet. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Those of a change. When they are few, they are told before all who wait. */
  add(told: ReadonlyMap<Member, ReadonlySet<string>>): void {
    if (told.size <= membersPerSlice) {
      for (const [member, types] of told) this.#tellNow(member, types);
      return;
    }
    for (const [member, types] of told) this.#waiting.set(member, this.#withWaiting(member, types));
    if (!this.#isUnderWay) this.#slice();
  }

  /** Is told nothing any more. */
  forget(member: Member): void {
    this.#waiting.delete(member);
  }

  #tellNow(member: Member, types: ReadonlySet<string>): void {
    const all = this.#withWaiting(member, types);
    this.#waiting.delete(member);
    this.#tell(member, all);
  }

  #withWaiting(member: Member, types: ReadonlySet<string>): ReadonlySet<string> {
    const waiting = this.#waiting.get(member);
    return waiting === undefined || waiting === types ? types : waiting.union(types);
  }

  #slice(): void {
    this.#isUnderWay = this.#waiting.size > 0;
    // Whatever a member makes of it, the others have their turn.
    if (this.#isUnderWay) this.#afterEvents(() => this.#slice());
    let left = membersPerSlice;
    for (const [member, types] of this.#waiting) {
      if (left === 0) return;
      left -= 1;
      this.#waiting.delete(member);
      this.#tell(member, types);
    }
  }
}
