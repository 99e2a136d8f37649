// What the demo prints: lines with the seconds since it began, headings, tables, promises that were kept. Plain text wherever the
// output goes; colour only on a terminal that wants it.

import { table } from './table.ts';

export type ScreenOptions = {
  readonly write: (text: string) => void;
  readonly colour: boolean;
  /** Milliseconds of any clock that only goes forward. */
  readonly nowMs: () => number;
};

export class Screen {
  #options: ScreenOptions;
  #startedMs: number;

  constructor(options: ScreenOptions) {
    this.#options = options;
    this.#startedMs = options.nowMs();
  }

  get elapsedSeconds(): number {
    return (this.#options.nowMs() - this.#startedMs) / 1000;
  }

  progress(text: string): void {
    const seconds = `${this.elapsedSeconds.toFixed(1).padStart(5)} s`;
    for (const line of text.split('\n')) this.line(`${this.#paint('2', seconds)}  ${line}`);
  }

  heading(text: string): void {
    this.line('');
    this.line(this.#paint('1', text));
  }

  kept(text: string): void {
    this.line(`  ${this.#paint('32', '✓')} ${text}`);
  }

  broken(text: string): void {
    this.line(`  ${this.#paint('31', '✗')} ${text}`);
  }

  table(heading: readonly string[], rows: readonly (readonly string[])[]): void {
    this.line(table(heading, rows));
  }

  line(text: string): void {
    this.#options.write(`${text}\n`);
  }

  #paint(code: string, text: string): string {
    return this.#options.colour ? `\u001B[${code}m${text}\u001B[0m` : text;
  }
}

/** A screen on this process's standard output. */
export function terminalScreen(): Screen {
  return new Screen({
    write: (text) => void process.stdout.write(text),
    colour: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
    nowMs: () => performance.now(),
  });
}
