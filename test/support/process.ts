// Runs other programs: `run` waits for the end and returns the output; `startProcess` keeps one running, remembers its
// last lines, waits for a line, and stops it (SIGTERM, a deadline, SIGKILL).

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

export type ProcessExit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type RunResult = ProcessExit & { readonly stdout: string; readonly stderr: string };

export type RunOptions = {
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** After this the program is killed and the result is an error. Default 60 s. */
  readonly timeoutMs?: number;
};

export type StartOptions = {
  /** Stands before the lines in errors. Default: the program's name. */
  readonly name?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** A file descriptor that takes standard output as it is, instead of the remembered lines. */
  readonly stdout?: number;
  /** Lines remembered, oldest dropped first. Default 2,000. */
  readonly maxLines?: number;
  readonly onLine?: (line: string) => void;
  /** `env` is all that it gets; otherwise it is added to this process's own. */
  readonly cleanEnv?: boolean;
  /** It leads a process group: what it starts can be ended with it, by `killGroup`. */
  readonly ownGroup?: boolean;
  /** Opens a channel for messages, as `fork` does. */
  readonly onMessage?: (message: unknown) => void;
};

const lastWordsMs = 1000;

/** Runs a program to its end. Rejects when it can't be started or takes too long; an exit code is not an error. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [program = '', ...args] = argv;
  const timeoutMs = options.timeoutMs ?? 60_000;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`"${argv.join(' ')}" took more than ${timeoutMs} ms; so far: ${text(stdout)}${text(stderr)}`));
    }, timeoutMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(new Error(`"${program}" could not be started: ${error.message}`, { cause: error }));
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout: text(stdout), stderr: text(stderr) });
    });
    if (options.input !== undefined) {
      child.stdin?.on('error', () => {}); // It may end before it has read everything; the exit code tells.
      child.stdin?.end(options.input);
    }
  });
}

function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8');
}

/** As `run`, but any exit other than 0 is an error that carries what the program wrote. */
export async function runOrThrow(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const result = await run(argv, options);
  if (result.code !== 0) {
    const end = result.signal ?? `exit code ${result.code}`;
    throw new Error(`"${argv.join(' ')}" failed (${end}): ${(result.stderr || result.stdout).trim()}`);
  }
  return result;
}

/** A program that was started and has not been forgotten. */
export class RunningProcess {
  readonly name: string;
  readonly exited: Promise<ProcessExit>;
  #child: ChildProcess;
  #lines: string[] = [];
  #dropped = 0;
  #maxLines: number;
  #ended: ProcessExit | undefined;
  #failure: Error | undefined;
  #onChange = new Set<() => void>();
  #onLine: ((line: string) => void) | undefined;

  constructor(child: ChildProcess, name: string, options: StartOptions) {
    this.#child = child;
    this.name = name;
    this.#maxLines = options.maxLines ?? 2000;
    this.#onLine = options.onLine;
    this.exited = new Promise((resolve) => {
      child.on('error', (error) => {
        this.#failure = error;
        if (child.pid === undefined) resolve(this.#end({ code: null, signal: null }));
      });
      child.on('close', (code, signal) => resolve(this.#end({ code, signal })));
      // A program of its own may outlive it and hold its output open: what is still to be read gets a moment, no more.
      child.on('exit', (code, signal) => {
        setTimeout(() => resolve(this.#end({ code, signal })), lastWordsMs).unref();
      });
    });
    for (const stream of [child.stdout, child.stderr]) if (stream !== null) this.#read(stream);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#ended === undefined;
  }

  /** Standard output and standard error as remembered, one line each. */
  get output(): string {
    const note = this.#dropped > 0 ? `(${this.#dropped} earlier lines dropped)\n` : '';
    return note + this.#lines.join('\n');
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** SIGKILL to it and to what it has started, also after its own end. Only for one that was started with `ownGroup`. */
  killGroup(): void {
    const { pid } = this;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // Nobody of it is left.
    }
  }

  /** To a program that was started with `onMessage`. One that has ended gets nothing. */
  send(message: object): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** The first remembered or coming line that matches. Rejects with the whole output on exit or after the deadline. */
  waitForLine(pattern: RegExp | string, options: { readonly timeoutMs?: number } = {}): Promise<string> {
    const timeoutMs = options.timeoutMs ?? 15_000;
    const matches = (line: string): boolean =>
      typeof pattern === 'string' ? line.includes(pattern) : pattern.test(line);
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        this.#onChange.delete(look);
        settle();
      };
      const fail = (why: string): void =>
        finish(() => reject(new Error(`${this.name}: ${why} before a line like ${String(pattern)}\n${this.output}`)));
      const look = (): void => {
        const line = this.#lines.find((candidate) => matches(candidate));
        if (line !== undefined) finish(() => resolve(line));
        else if (this.#ended !== undefined) fail(this.#endText(this.#ended));
      };
      const timer = setTimeout(() => fail(`${timeoutMs} ms passed`), timeoutMs);
      this.#onChange.add(look);
      look();
    });
  }

  /** Ends the program: SIGTERM, and SIGKILL if it is still there after `graceMs`. Resolves to how it ended. */
  async stop(options: { readonly graceMs?: number; readonly signal?: NodeJS.Signals } = {}): Promise<ProcessExit> {
    if (this.#ended !== undefined) return this.#ended;
    this.#child.kill(options.signal ?? 'SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), options.graceMs ?? 10_000);
    const end = await this.exited;
    clearTimeout(timer);
    return end;
  }

  #read(stream: Readable): void {
    createInterface({ input: stream, crlfDelay: Infinity }).on('line', (line) => {
      this.#lines.push(line);
      if (this.#lines.length > this.#maxLines) {
        this.#lines.shift();
        this.#dropped += 1;
      }
      this.#onLine?.(line);
      this.#changed();
    });
  }

  #end(exit: ProcessExit): ProcessExit {
    this.#ended ??= exit;
    this.#changed();
    return this.#ended;
  }

  #endText(exit: ProcessExit): string {
    if (this.#failure !== undefined) return `could not be started (${this.#failure.message})`;
    return exit.signal === null ? `ended with code ${exit.code}` : `ended by ${exit.signal}`;
  }

  #changed(): void {
    for (const look of this.#onChange) look();
  }
}

/** Starts a program and returns at once. */
export function startProcess(argv: readonly string[], options: StartOptions = {}): RunningProcess {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, {
    stdio: ['ignore', options.stdout ?? 'pipe', 'pipe', ...(options.onMessage === undefined ? [] : ['ipc' as const])],
    env: options.cleanEnv === true ? options.env : { ...process.env, ...options.env },
    cwd: options.cwd,
    detached: options.ownGroup === true,
  });
  if (options.onMessage !== undefined) child.on('message', options.onMessage);
  return new RunningProcess(child, options.name ?? program, options);
}
