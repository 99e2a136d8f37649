// Work that is to follow the newest state. In: the work. Out: a call that has it run again, never twice at a time; what is asked for
// while it runs is one more run.

export interface SingleRunner {
  again(): void;
  /** Resolves when nothing runs and nothing is asked for. */
  idle(): Promise<void>;
}

export function singleRunner(work: () => Promise<void>, onError: (error: unknown) => void): SingleRunner {
  let wanted = false;
  let running: Promise<void> | undefined;
  const runAll = async (): Promise<void> => {
    await Promise.resolve(); // What changes in the same turn is one run.
    while (wanted) {
      wanted = false;
      await work().catch(onError);
    }
    running = undefined;
  };
  return {
    again: () => {
      wanted = true;
      running ??= runAll();
    },
    idle: async () => {
      await running;
    },
  };
}
