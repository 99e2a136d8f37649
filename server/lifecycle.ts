// Starting and stopping an instance: the first SIGTERM or SIGINT asks it to stop, the second one ends the process.

/** An AbortSignal that the first stop signal aborts; `dispose` gives the process its default handlers back. */
export interface StopSignal {
  readonly signal: AbortSignal;
  dispose(): void;
}

/** Exit code of a process that a signal ended, by the shell's convention (128 + number). */
const secondSignalExitCode = 130;

export function stopSignal(onStop: (name: string) => void): StopSignal {
  const controller = new AbortController();
  const handle = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(secondSignalExitCode);
    onStop(name);
    controller.abort(name);
  };
  process.on('SIGTERM', handle);
  process.on('SIGINT', handle);
  return {
    signal: controller.signal,
    dispose: () => {
      process.off('SIGTERM', handle);
      process.off('SIGINT', handle);
    },
  };
}

/** Things that were started, stopped in the opposite order; one that fails to stop does not keep the others running. */
export class Started {
  readonly #stops: { readonly name: string; readonly stop: () => Promise<void> | void }[] = [];

  add(name: string, stop: () => Promise<void> | void): void {
    this.#stops.push({ name, stop });
  }

  async stop(onFailure: (name: string, error: unknown) => void): Promise<void> {
    for (const { name, stop } of this.#stops.splice(0).toReversed()) {
      try {
        await stop();
      } catch (error) {
        onFailure(name, error);
      }
    }
  }
}
