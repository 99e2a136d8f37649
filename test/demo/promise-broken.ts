// What the demo shows was not so. In: the promise in words and what was seen instead. Out: an error that the demo prints before it
// exits with 1.

export class PromiseBroken extends Error {
  override readonly name = 'PromiseBroken';
  readonly promise: string;
  readonly seen: string;

  constructor(promise: string, seen: string) {
    super(`${promise}: ${seen}`);
    this.promise = promise;
    this.seen = seen;
  }
}
