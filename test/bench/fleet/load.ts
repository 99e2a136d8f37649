// The hand on the load generator's process: each command is a method that resolves with the answer.

import { fork, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import type { LoadAnswer, LoadCommands, LoadRequest } from './load-process.ts';

interface Waiting {
  readonly done: (value: unknown) => void;
  readonly failed: (error: Error) => void;
}

export class Load implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #ids = 0;

  constructor() {
    this.#child = fork(resolve(import.meta.dirname, 'load-process.ts'), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', ({ id, value, error }: LoadAnswer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.done(value);
      else waiting?.failed(new Error(error));
    });
    this.#child.on('exit', (code) => {
      for (const { failed } of this.#waiting.values()) failed(new Error(`the load generator ended with ${code}`));
      this.#waiting.clear();
    });
  }

  call<Name extends keyof LoadCommands>(
    command: Name,
    ...[argument]: Parameters<LoadCommands[Name]>
  ): ReturnType<LoadCommands[Name]> {
    const id = (this.#ids += 1);
    const answer = new Promise((done, failed) => this.#waiting.set(id, { done, failed }));
    this.#child.send({ id, command, argument } satisfies LoadRequest);
    return answer as ReturnType<LoadCommands[Name]>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((done) => this.#child.once('exit', done));
    this.#child.kill('SIGKILL');
    await ended;
  }
}
