// Work in slices: for some milliseconds, then everything else that waits (a change and its pushes among it), then the next slice.

/** A slice is over after its first piece of work that ends later than this. */
const sliceMs = 4;

/** Runs the steps to their end. Rejects with the signal's reason when it aborts. */
export async function inSlices<T>(steps: Generator<undefined, T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    const endsMs = performance.now() + sliceMs;
    do {
      const step = steps.next();
      if (step.done === true) return step.value;
    } while (performance.now() < endsMs);
    await afterEvents();
  }
}

function afterEvents(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
