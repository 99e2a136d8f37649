// A list by pages, for servers that can't stream one. In: path and selectors. Out: one page of objects after another, each of a
// size that is bounded and adapts: smaller when an answer was too large, larger when the list took so long that it expired.

import { isMapping } from '../../convert/field-reader.ts';
import type { KubeClient } from './kube-client.ts';
import { KubeError } from './kube-error.ts';

export interface Page {
  /** Without `apiVersion` and `kind`, as the server leaves them out. */
  readonly items: readonly Readonly<Record<string, unknown>>[];
  /** Of the whole list, the same in every page. */
  readonly resourceVersion: string;
}

export interface PagedListOptions {
  readonly client: KubeClient;
  readonly pageSize: number;
  readonly maxPageBytes: number;
}

const largestPage = 20_000;

export class PagedList {
  readonly #client: KubeClient;
  readonly #maxPageBytes: number;
  #pageSize: number;

  constructor(options: PagedListOptions) {
    this.#client = options.client;
    this.#maxPageBytes = options.maxPageBytes;
    this.#pageSize = options.pageSize;
  }

  /** Throws a `KubeError` when a page can't be had; then everything must be asked for again. */
  async *pages(path: string, selectors: Readonly<Record<string, string>>, signal: AbortSignal): AsyncGenerator<Page> {
    let next = '';
    do {
      const query = new URLSearchParams({ ...selectors, limit: String(this.#pageSize) });
      if (next !== '') query.set('continue', next);
      let answer: unknown;
      try {
        answer = await this.#client.getJson(`${path}?${query.toString()}`, { maxBytes: this.#maxPageBytes, signal });
      } catch (error) {
        this.#adapt(error, next !== '');
        throw error;
      }
      const metadata = isMapping(answer) && isMapping(answer['metadata']) ? answer['metadata'] : {};
      // An empty list of Go is null.
      const items = isMapping(answer) ? (answer['items'] ?? []) : undefined;
      if (!Array.isArray(items) || typeof metadata['resourceVersion'] !== 'string') {
        throw new KubeError('malformed', 'the API server sent something else than a list');
      }
      yield { items: items.filter((item) => isMapping(item)), resourceVersion: metadata['resourceVersion'] };
      next = typeof metadata['continue'] === 'string' ? metadata['continue'] : '';
    } while (next !== '');
  }

  #adapt(error: unknown, isContinuation: boolean): void {
    if (!(error instanceof KubeError)) return;
    if (error.code === 'too-large') this.#pageSize = Math.max(1, Math.floor(this.#pageSize / 4));
    if (error.code === 'expired' && isContinuation) this.#pageSize = Math.min(largestPage, this.#pageSize * 4);
  }
}
