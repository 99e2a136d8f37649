// Requests without a pause, to see whether anything fails while something else happens. In: the asking host. Out: how many were
// answered and by whom, and every failure.

import type { LabHost } from '../support/netns.ts';
import type { RunningProcess } from '../support/process.ts';
import { waitFor } from '../support/wait-for.ts';
import { helloUrl } from '../demo/ask.ts';

export class AskingAllTheTime {
  #process: RunningProcess;
  #answered = 0;
  #versions = new Set<string>();
  #failures: string[] = [];
  #stopping = false;

  /** `via` is `ADDRESS:PORT` where the name in `url` leads to nothing; `pauseS` (seconds) comes after each ten requests. */
  constructor(
    from: LabHost,
    {
      url = helloUrl,
      via = '',
      pauseS = 0.1,
    }: { readonly url?: string; readonly via?: string; readonly pauseS?: number } = {},
  ) {
    const curl = 'curl -sSN --noproxy \'*\' --connect-to "$2" --max-time 10 -w \'%{http_code}\\n\' "$1?[1-10]"';
    // The pause leaves the machine to what is tested.
    const script = `while :; do ${curl}; sleep ${pauseS}; done`;
    this.#process = from.spawn(['sh', '-c', script, 'sh', url, `::${via}`], {
      name: 'asking',
      onLine: (line) => this.#read(line),
    });
  }

  get answered(): number {
    return this.#answered;
  }

  get versions(): readonly string[] {
    return [...this.#versions].toSorted();
  }

  /** What went wrong so far: status codes other than 200 and curl's own words. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** Resolves when this many more were answered. */
  async more(count: number): Promise<void> {
    const wanted = this.#answered + count;
    await waitFor(
      () => this.#answered,
      (answered) => answered >= wanted,
      { what: `${count} more answers (failures so far: ${this.#failures.join(', ')})`, timeoutMs: 60_000 },
    );
  }

  /**
   * Resolves when answers in a row, 30 or more, were of exactly these versions and nothing failed between them.
   * @returns what failed before, since the last call.
   */
  async untilHeard(versions: readonly string[]): Promise<readonly string[]> {
    const failures: string[] = [];
    await waitFor(
      async () => {
        failures.push(...this.#failures);
        this.#failures = [];
        this.#versions.clear();
        await this.more(30);
        return { versions: this.versions, failures: this.#failures };
      },
      (heard) => heard.versions.join() === versions.join() && heard.failures.length === 0,
      { what: `answers of ${versions.join(' and ')} alone`, timeoutMs: 60_000 },
    );
    return failures;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#process.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #read(line: string): void {
    if (this.#stopping || line === '') return;
    const version = /^Hello version: (\S+),/.exec(line)?.[1];
    if (version !== undefined) this.#versions.add(version);
    else if (line === '200') this.#answered += 1;
    else this.#failures.push(line);
  }
}
