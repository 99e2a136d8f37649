// Work on many things with a few hands, as an API server is best filled.

const writers = 16;

/** Resolves when the work on each item is done; rejects with the first failure. */
export async function eachOf<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const left = items[Symbol.iterator]();
  const hand = async (): Promise<void> => {
    for (let next = left.next(); next.done !== true; next = left.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: writers }, hand));
}
