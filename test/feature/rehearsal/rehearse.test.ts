// A rehearsal on its own: how it goes, and how it ends early. Its mesh and its proxies are made up; all else is the code that serves.

import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { rehearse } from '../../../server/rehearsal/rehearse.ts';
import { run } from '../../support/process.ts';

const { signal } = new AbortController();
const rehearsalFile = fileURLToPath(import.meta.resolve('../../../server/rehearsal/rehearse.ts'));

it('goes to its end, and each proxy is sent the endpoints of every service and of every change', async () => {
  const { changes, assignments } = await rehearse({ signal, overtaken: () => false, maxMs: Infinity });
  expect(changes).toBe(50);
  // Twenty proxies, of twenty services and forty changes of endpoints; those who come back are sent nothing. The first one hears of
  // each service before and after its endpoints.
  expect(assignments).toBe(20 * (20 + 40) + 20);
});

it('lets all other events come in between', async () => {
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const { tookMs } = await rehearse({ signal, overtaken: () => false, maxMs: Infinity });
  isOver = true;
  // Each slice ends with a turn of the others; a single event may be longer than the four milliseconds of a slice.
  expect(turns).toBeGreaterThan(100);
  expect(tookMs).toBeGreaterThan(0);
});

it('takes no more of the event loop than it may', async () => {
  const { changes, tookMs } = await rehearse({ signal, overtaken: () => false, maxMs: 1 });
  expect(tookMs).toBeGreaterThanOrEqual(1);
  expect(changes).toBe(0);
});

it('ends when real proxies are there', async () => {
  let looks = 0;
  const { changes } = await rehearse({ signal, overtaken: () => (looks += 1) > 100, maxMs: Infinity });
  expect(changes).toBeLessThan(50);
});

it('does nothing when it is cut off before it begins', async () => {
  const rehearsed = await rehearse({ signal: AbortSignal.abort(), overtaken: () => false });
  expect(rehearsed).toEqual({ tookMs: 0, changes: 0, assignments: 0 });
});

it('leaves no timer and no socket, wherever it is cut off', async () => {
  // A process of its own, which has no others.
  const script = `
    import { rehearse } from ${JSON.stringify(rehearsalFile)};
    for (const looks of [1, 4, 12, 40, 90, 150, Infinity]) {
      const stop = new AbortController();
      let left = looks;
      const overtaken = () => {
        left -= 1;
        if (left <= 0) stop.abort();
        return false;
      };
      const { changes } = await rehearse({ signal: stop.signal, overtaken, maxMs: Infinity });
      const resources = process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap');
      console.log(JSON.stringify({ changes, resources }));
    }`;
  const { code, stdout, stderr } = await run([process.execPath, '--input-type=module-typescript', '--eval', script]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const ends = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly changes: number; readonly resources: readonly string[] });
  expect(ends.map(({ resources }) => resources)).toEqual(Array.from({ length: 7 }, () => []));
  expect(ends.at(0)).toMatchObject({ changes: 0 });
  expect(ends.at(-1)).toMatchObject({ changes: 50 });
});
