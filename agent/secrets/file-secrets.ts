// The files that Envoy asks for as secrets, read again and again while somebody wants them. In: who wants which names. Out: secrets in
// the store. A file that is missing is waited for; one that is broken leaves what was read before in use.

import type { Clock } from '../../ca/clock.ts';
import { reasonOf } from '../agent-error.ts';
import type { Log } from '../log.ts';
import { parseFileSecret, readFileSecret, type FileSecret } from './file-secret.ts';
import type { SecretStore } from './secret-store.ts';

export interface FileSecretsOptions {
  readonly store: SecretStore;
  readonly clock: Clock;
  readonly log: Log;
}

interface Followed {
  readonly files: FileSecret;
  /** What was wrong when it was last read; told once. */
  problem: string | undefined;
}

/** Looked at rather than watched: mounted Secrets are behind symbolic links that are swapped, which watchers do not follow. */
const pollMs = 2000;
/** Different names at once; a proxy has a handful. */
const maxFiles = 500;

export class FileSecrets {
  readonly #options: FileSecretsOptions;
  readonly #wanted = new Map<object, readonly string[]>();
  readonly #followed = new Map<string, Followed>();
  #wake = new AbortController();

  constructor(options: FileSecretsOptions) {
    this.#options = options;
  }

  /** From now on `owner` wants these; names of anything but files are passed over. */
  want(owner: object, names: readonly string[]): void {
    const files = names.filter((name) => parseFileSecret(name) !== undefined);
    if (files.length === 0) this.#wanted.delete(owner);
    else this.#wanted.set(owner, files);
    this.#settle();
  }

  release(owner: object): void {
    if (this.#wanted.delete(owner)) this.#settle();
  }

  /** Until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const wake = AbortSignal.any([signal, this.#wake.signal]);
      for (const [name, followed] of this.#followed) await this.#read(name, followed);
      await this.#options.clock.sleep(pollMs, wake);
    }
  }

  #settle(): void {
    const wanted = new Set([...this.#wanted.values()].flat());
    for (const name of this.#followed.keys()) {
      if (wanted.has(name)) continue;
      this.#followed.delete(name);
      this.#options.store.setFile(name, undefined);
    }
    for (const name of wanted) {
      const files = parseFileSecret(name);
      if (files === undefined || this.#followed.has(name) || this.#followed.size >= maxFiles) continue;
      this.#followed.set(name, { files, problem: undefined });
      this.#wake.abort();
    }
  }

  async #read(name: string, followed: Followed): Promise<void> {
    const { store, log } = this.#options;
    try {
      const secret = await readFileSecret(name, followed.files);
      followed.problem = undefined;
      // Nobody may want it any more by now.
      if (this.#followed.get(name) === followed && store.setFile(name, secret))
        log.info({ secret: name }, 'files read');
    } catch (error) {
      const problem = reasonOf(error);
      if (problem !== followed.problem) log.warn({ secret: name }, `${problem}; what was read before stays in use`);
      followed.problem = problem;
    }
  }
}
