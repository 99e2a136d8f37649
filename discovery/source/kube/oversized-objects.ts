// The objects of one feed that are too large to be taken. They are there: what was good of them before stays, and a list with one that could
// not even be named says nothing of what is missing. In: what a feed lists and reads. Out: a problem, until the object was read.

import { nameOversized, oversizedProblem } from './feed-problems.ts';
import { describeFeed, type Feed } from './feeds.ts';
import type { Outbox } from './outbox.ts';
import { idOf, type Sighting, type ToldObjects } from './told-objects.ts';

export interface OversizedObjectsOptions {
  readonly feed: Feed;
  readonly told: ToldObjects;
  readonly outbox: Outbox;
  readonly maxObjectBytes: number;
}

export class OversizedObjects {
  readonly #options: OversizedObjectsOptions;
  /** In the list under way something was too large; and could not even be named. */
  #listHasAny = false;
  #listHasUnknown = false;
  /** The last one; its problem is shown until it was read. */
  #lastId: string | undefined;

  constructor(options: OversizedObjectsOptions) {
    this.#options = options;
  }

  beginList(): void {
    this.#listHasAny = false;
    this.#listHasUnknown = false;
  }

  /** Whether the list tells what is gone: an object that could not even be named may be any of those that are missing. */
  get listTellsAll(): boolean {
    return !this.#listHasUnknown;
  }

  endList(): void {
    if (!this.#listHasAny) this.#forget();
  }

  /** `beginning`: the first characters of one that is too large. */
  found(beginning: string, sighting: Sighting): void {
    const { feed, told, outbox, maxObjectBytes } = this.#options;
    const object = nameOversized(beginning);
    if (object.name === undefined) this.#listHasUnknown = true;
    else told.seenUnread(object.namespace, object.name, sighting);
    this.#listHasAny = true;
    this.#lastId = object.name === undefined ? undefined : `${object.namespace}/${object.name}`;
    outbox.report(this.#problemName(), [oversizedProblem(feed, object, maxObjectBytes)]);
  }

  /** An object was read. */
  read(object: Readonly<Record<string, unknown>>): void {
    if (this.#lastId !== undefined && idOf(object) === this.#lastId) this.#forget();
  }

  #forget(): void {
    this.#lastId = undefined;
    this.#options.outbox.report(this.#problemName(), []);
  }

  #problemName(): string {
    return `oversized ${describeFeed(this.#options.feed)}`;
  }
}
