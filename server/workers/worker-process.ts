// In the main process: one worker as a process, from its start to its end. Its standard error is given out line by line.

import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it could not be started. */
  readonly error?: Error | undefined;
}

/** Of which nothing was read. */
export interface NewConnection {
  /** The number of its port. */
  readonly port: number;
  readonly connection: Socket;
}

export class WorkerProcess {
  readonly #child: ChildProcess;
  /** Those whose turn to be sent has not come: they go one at a time, each when the worker has the one before. */
  readonly #unsent = new Set<NewConnection>();
  /** Frames go over it. */
  readonly relay: Socket;
  readonly exited: Promise<WorkerExit>;

  constructor(onLine: (line: string) => void) {
    const entry = fileURLToPath(new URL('entry.ts', import.meta.url));
    const child = spawn(process.execPath, [entry], { stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe'] });
    this.#child = child;
    this.exited = new Promise((resolve) => {
      // One that runs may tell of a message that could not be sent: its end is what counts.
      child.on('error', (error) => {
        if (child.pid === undefined) resolve({ code: null, signal: null, error });
      });
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    // Where there are no more file descriptors, the child has no pipes, whatever its type says, and tells its error later.
    const [, , stderr, , relay]: readonly unknown[] = Array.isArray(child.stdio) ? child.stdio : [];
    this.relay = relay instanceof Socket ? relay : new Socket();
    if (stderr instanceof Socket) createInterface({ input: stderr, crlfDelay: Infinity }).on('line', onLine);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** What it was given and has not got; it can be given to another worker when this one has ended. */
  get unsent(): readonly NewConnection[] {
    return [...this.#unsent];
  }

  give(given: NewConnection): void {
    this.#unsent.add(given);
    this.#child.send(given.port, given.connection, {}, (error) => {
      // One that could not be sent stays, for another worker.
      if (error === null) this.#unsent.delete(given);
    });
  }

  /** It ends at once, with all its connections. */
  end(): void {
    if (this.#child.connected) this.#child.disconnect();
    this.relay.destroy();
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
