import { describe, expect, it } from 'vitest';
import { WorkQueue } from '../../../ca/work-queue.ts';

/** Work that ends when it is told to, and tells when it began. */
function piece(log: string[], name: string) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const work = async () => {
    log.push(name);
    await promise;
    return name;
  };
  return { work, finish: resolve };
}

describe('the queue in front of signing', () => {
  it('begins no more at once than it may, the others in their order', async () => {
    const queue = new WorkQueue({ maxInFlight: 2, maxWaiting: 10 });
    const log: string[] = [];
    const pieces = ['a', 'b', 'c', 'd'].map((name) => piece(log, name));
    const results = pieces.map(({ work }) => queue.run(work));
    expect(log).toEqual(['a', 'b']);
    expect({ inFlight: queue.inFlight, waiting: queue.waiting }).toEqual({ inFlight: 2, waiting: 2 });
    pieces[1]?.finish();
    await results[1];
    expect(log).toEqual(['a', 'b', 'c']);
    for (const { finish } of pieces) finish();
    expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd']);
    expect({ inFlight: queue.inFlight, waiting: queue.waiting }).toEqual({ inFlight: 0, waiting: 0 });
  });

  it('refuses at once what is beyond its bound, and counts it', async () => {
    const queue = new WorkQueue({ maxInFlight: 1, maxWaiting: 1 });
    const log: string[] = [];
    const pieces = ['a', 'b', 'c'].map((name) => piece(log, name));
    const [first, second, third] = pieces.map(({ work }) => queue.run(work));
    expect(await third).toMatchObject({ code: 'overloaded' });
    expect(queue.refused).toBe(1);
    for (const { finish } of pieces) finish();
    expect([await first, await second]).toEqual(['a', 'b']);
    expect(log).toEqual(['a', 'b']);
  });

  it('never begins work whose caller went away while it waited', async () => {
    const queue = new WorkQueue({ maxInFlight: 1, maxWaiting: 5 });
    const log: string[] = [];
    const running = piece(log, 'running');
    const after = piece(log, 'after');
    const gone = new AbortController();
    const first = queue.run(running.work);
    const abandoned = queue.run(piece(log, 'abandoned').work, gone.signal);
    const last = queue.run(after.work);
    gone.abort();
    expect(await abandoned).toMatchObject({ code: 'cancelled' });
    running.finish();
    after.finish();
    expect([await first, await last]).toEqual(['running', 'after']);
    expect(log).toEqual(['running', 'after']);
  });

  it('goes on after work that failed', async () => {
    const queue = new WorkQueue({ maxInFlight: 1, maxWaiting: 5 });
    const failing = queue.run(() => Promise.reject(new Error('no')));
    const next = queue.run(() => Promise.resolve('next'));
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe('next');
  });
});
