// The file with the mesh's roots, read again and again: in Kubernetes it is a mounted ConfigMap whose content is replaced while the
// pod runs. In: a path. Out: PEM text, and word of every change; a broken or missing file keeps what was read before.

import { readFile } from 'node:fs/promises';
import { CaError } from '../../ca/ca-error.ts';
import { readCertificates } from '../../ca/ca-material.ts';
import type { Clock } from '../../ca/clock.ts';
import { AgentError, reasonOf } from '../agent-error.ts';
import type { Log } from '../log.ts';

export type RootFileOptions = {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
};

const pollMs = 10_000;

export class RootFile {
  #options: RootFileOptions;
  #pem: string;
  #problem: string | undefined;

  constructor(options: RootFileOptions, pem: string) {
    this.#options = options;
    this.#pem = pem;
  }

  /** The last good content. */
  get pem(): string {
    return this.#pem;
  }

  /** Reads the file now; true when its content is new. Never rejects: what is wrong is logged once. */
  async refresh(): Promise<boolean> {
    const { path, log } = this.#options;
    try {
      const pem = await readRoots(path);
      this.#problem = undefined;
      if (pem === this.#pem) return false;
      this.#pem = pem;
      log.info({ path }, 'trusted roots changed');
      return true;
    } catch (error) {
      const problem = reasonOf(error);
      if (problem !== this.#problem) log.warn({ path }, `${problem}; the roots read before stay in use`);
      this.#problem = problem;
      return false;
    }
  }

  /** Looks for changes until the signal aborts. */
  async watch(onChange: () => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // Asked for rather than watched: the file is behind symbolic links that are swapped, which watchers do not follow.
      await this.#options.clock.sleep(pollMs, signal);
      if (!signal.aborted && (await this.refresh())) onChange();
    }
  }
}

/** Throws AgentError `unreadable-file` when there is no certificate in the file. */
export async function openRootFile(options: RootFileOptions): Promise<RootFile> {
  return new RootFile(options, await readRoots(options.path));
}

async function readRoots(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new AgentError('unreadable-file', `the root certificate can't be read: ${reasonOf(error)}`, { cause: error });
  });
  const certificates = readCertificates(text, path);
  if (certificates instanceof CaError)
    throw new AgentError('unreadable-file', certificates.message, { cause: certificates });
  return text;
}
