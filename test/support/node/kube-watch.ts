// Follows all objects of one kind of an API server. In: its path, such as `/api/v1/pods`. Out: the objects as they are now, and a call
// for each change. A server that goes away is asked again until it answers; what went meanwhile is told then.

import { Agent, request } from 'node:https';
import { createInterface } from 'node:readline';
import type { Clock } from '../../../ca/clock.ts';
import type { KubeApi } from '../kube-api.ts';

export interface WatchedObject {
  readonly metadata?: { readonly name?: string; readonly namespace?: string; readonly resourceVersion?: string };
}

export interface KubeWatchOptions<T extends WatchedObject> {
  readonly api: KubeApi;
  readonly server: string;
  readonly token: string;
  readonly path: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** `gone`: with the object as it was last. */
  readonly onChange: (object: T, change: 'there' | 'gone') => void;
}

const retryMs = 300;

export class KubeWatch<T extends WatchedObject> {
  readonly objects = new Map<string, T>();
  /** Ends when the signal is aborted; never rejects. */
  readonly ended: Promise<void>;
  /** Resolves after the first list. */
  readonly synced: Promise<void>;
  readonly #options: KubeWatchOptions<T>;
  readonly #synced = Promise.withResolvers<void>();
  readonly #agent = new Agent({ rejectUnauthorized: false });

  constructor(options: KubeWatchOptions<T>) {
    this.#options = options;
    this.synced = this.#synced.promise;
    this.ended = this.#follow();
  }

  get values(): readonly T[] {
    return [...this.objects.values()];
  }

  async #follow(): Promise<void> {
    const { signal, clock } = this.#options;
    while (!signal.aborted) {
      try {
        let version = await this.#list();
        this.#synced.resolve();
        while (!signal.aborted) version = await this.#watch(version);
      } catch {
        await clock.sleep(retryMs, signal);
      }
    }
    this.#agent.destroy();
  }

  async #list(): Promise<string> {
    const { api, path, onChange } = this.#options;
    const list = (await api.get(path)) as {
      readonly metadata: { readonly resourceVersion: string };
      readonly items: T[];
    };
    const there = new Set(list.items.map((item) => keyOf(item)));
    for (const [key, object] of this.objects) {
      if (there.has(key)) continue;
      this.objects.delete(key);
      onChange(object, 'gone');
    }
    for (const item of list.items) {
      this.objects.set(keyOf(item), item);
      onChange(item, 'there');
    }
    return list.metadata.resourceVersion;
  }

  /** The version to go on from, once the server has ended the watch. Throws when there has to be a list. */
  #watch(from: string): Promise<string> {
    const { server, token, path, signal } = this.#options;
    const url = new URL(`${path}?watch=1&allowWatchBookmarks=true&resourceVersion=${from}`, server);
    return new Promise((resolve, reject) => {
      let version = from;
      const asked = request(
        url,
        { agent: this.#agent, headers: { Authorization: `Bearer ${token}` }, signal },
        (answer) => {
          if (answer.statusCode !== 200) {
            answer.resume();
            reject(new Error(`status ${answer.statusCode}`));
            return;
          }
          const lines = createInterface({ input: answer, crlfDelay: Infinity });
          lines.on('line', (line) => {
            try {
              version = this.#take(line) ?? version;
            } catch (error) {
              asked.destroy();
              reject(error instanceof Error ? error : new Error(String(error)));
            }
          });
          lines.on('error', reject);
          answer.on('error', reject);
          answer.on('end', () => resolve(version));
        },
      );
      asked.on('error', reject);
      asked.end();
    });
  }

  #take(line: string): string | undefined {
    const { type, object } = JSON.parse(line) as { readonly type: string; readonly object: T };
    if (type === 'ERROR') throw new Error(line);
    if (type !== 'BOOKMARK') {
      const gone = type === 'DELETED';
      if (gone) this.objects.delete(keyOf(object));
      else this.objects.set(keyOf(object), object);
      this.#options.onChange(object, gone ? 'gone' : 'there');
    }
    return object.metadata?.resourceVersion;
  }
}

/** `NAMESPACE/NAME`. */
export function keyOf({ metadata }: WatchedObject): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}
