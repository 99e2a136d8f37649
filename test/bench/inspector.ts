// A hand on the running server through Node's inspector: exact processor time, memory after a collection, and a profile
// of just the moment that is measured.

import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { finished } from 'node:stream/promises';

export interface Memory {
  /** Resident bytes of the process. */
  readonly rss: number;
  /** Live objects, and memory outside the heap that they hold. */
  readonly live: number;
}

/** What a running process tells of itself since the last time, without being disturbed. */
export interface Vitals {
  readonly rss: number;
  /** The least that was in use right after a full collection, memory outside the heap included; undefined without one. */
  readonly live: number | undefined;
  /** By which the event loop was late at most. */
  readonly longestTurnMs: number;
  /** The longest time that it stood still for the collector. */
  readonly longestCollectionMs: number;
}

/** Runs in the process that is looked at. */
const watchVitals = `(() => {
  const { monitorEventLoopDelay, PerformanceObserver, constants } = process.getBuiltinModule('node:perf_hooks');
  const loop = monitorEventLoopDelay({ resolution: 20 });
  loop.enable();
  let live, collectionMs = 0;
  new PerformanceObserver((list) => {
    for (const { duration, detail } of list.getEntries()) {
      collectionMs = Math.max(collectionMs, duration);
      if (detail.kind !== constants.NODE_PERFORMANCE_GC_MAJOR) continue;
      const { heapUsed, external } = process.memoryUsage();
      live = Math.min(live ?? Infinity, heapUsed + external);
    }
  }).observe({ entryTypes: ['gc'] });
  globalThis.vitals = () => {
    const told = {
      rss: process.memoryUsage.rss(), live, longestTurnMs: Math.max(0, loop.max / 1e6 - 20), longestCollectionMs: collectionMs
    };
    loop.reset();
    [live, collectionMs] = [undefined, 0];
    return told;
  };
})()`;

interface Reply {
  readonly method?: string;
  readonly params?: { readonly chunk?: string };
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

export class Inspector implements Disposable {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #ids = 0;
  #onChunk: (chunk: string) => void = () => undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const reply = JSON.parse(String(data)) as Reply;
      if (reply.method === 'HeapProfiler.addHeapSnapshotChunk') this.#onChunk(reply.params?.chunk ?? '');
      if (reply.id !== undefined) this.#waiting.get(reply.id)?.(reply);
    });
  }

  /** `url`: as the process prints it, `ws://…`. */
  static async open(url: string): Promise<Inspector> {
    const socket = new WebSocket(url);
    await new Promise((done, failed) => {
      socket.addEventListener('open', done, { once: true });
      socket.addEventListener('error', failed, { once: true });
    });
    return new Inspector(socket);
  }

  /** Processor time so far, of all threads. */
  async cpuMs(): Promise<number> {
    const { user, system } = (await this.#evaluate('process.cpuUsage()')) as { user: number; system: number };
    return (user + system) / 1000;
  }

  async memory(): Promise<Memory> {
    await this.#call('HeapProfiler.collectGarbage');
    await this.#call('HeapProfiler.collectGarbage');
    const usage = (await this.#evaluate('process.memoryUsage()')) as Record<'rss' | 'heapUsed' | 'external', number>;
    return { rss: usage.rss, live: usage.heapUsed + usage.external };
  }

  /** From now on `vitals` can be asked. */
  async watchVitals(): Promise<void> {
    await this.#evaluate(watchVitals);
  }

  async vitals(): Promise<Vitals> {
    return (await this.#evaluate('globalThis.vitals()')) as Vitals;
  }

  /** Runs `work` and writes a profile of the server during it. */
  async profile<T>(file: string | undefined, work: () => Promise<T>): Promise<T> {
    if (file === undefined) return work();
    await this.#call('Profiler.enable');
    await this.#call('Profiler.setSamplingInterval', { interval: 200 });
    await this.#call('Profiler.start');
    const result = await work();
    const { profile } = (await this.#call('Profiler.stop')) as { profile: unknown };
    await writeFile(file, JSON.stringify(profile));
    return result;
  }

  /** All that is alive, for DevTools. */
  async heapSnapshot(file: string): Promise<void> {
    const output = createWriteStream(file);
    this.#onChunk = (chunk) => output.write(chunk);
    await this.#call('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
    this.#onChunk = () => undefined;
    output.end();
    await finished(output);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  async #evaluate(expression: string): Promise<unknown> {
    const reply = await this.#call('Runtime.evaluate', { expression, returnByValue: true });
    return (reply as { result: { value: unknown } }).result.value;
  }

  #call(method: string, params: object = {}): Promise<unknown> {
    const id = (this.#ids += 1);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, ({ result, error }) => {
      this.#waiting.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(`${method}: ${error.message}`));
    });
    this.#socket.send(JSON.stringify({ id, method, params }));
    return promise;
  }
}
