// The demo as a person runs it: a process with an exit code and words on its output, and nothing left behind.

import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { describeLab } from '../support/describe-lab.ts';
import { run, startProcess } from '../support/process.ts';

const demo = [process.execPath, resolve(import.meta.dirname, '../demo/main.ts')];
const isOurs = (name: string): boolean => /^isthmus-(scenario|lab)-/.test(name);

async function traces(): Promise<readonly string[]> {
  const namespaces = (await run(['ip', 'netns', 'list'])).stdout.split('\n').filter((line) => line.startsWith('isl-'));
  return [...namespaces, ...readdirSync(tmpdir()).filter((name) => isOurs(name))].toSorted();
}

describeLab('npm run demo', () => {
  test('keeps every promise, says so, exits with 0 and leaves nothing behind', { timeout: 180_000 }, async () => {
    const before = await traces();

    const result = await run(demo, { timeoutMs: 170_000 });

    expect({ code: result.code, output: result.code === 0 ? '' : result.stdout + result.stderr }).toEqual({
      code: 0,
      output: '',
    });
    for (const line of [
      /✓ sleep in cluster-1 is answered by both clusters: v1 × \d+, v2 × \d+/,
      /✓ sleep in cluster-2 is answered by both clusters: v1 × \d+, v2 × \d+/,
      /mesh-1 +cluster-1 +network1 +primary +running/,
      /mesh-1 +cluster-2 +network2 +discovery-only +running/,
      /mesh-2 +cluster-2 +network2 +primary +running/,
      /mesh-2 +cluster-1 +network1 +discovery-only +running/,
      /✓ no update was rejected/,
      /✓ v2 in cluster-2 is called by spiffe:\/\/cluster\.local\/ns\/sample\/sa\/sleep/,
      /✓ network1 and network2 do not reach each other/,
      /✓ sleep in cluster-1: \d+\.\d % of \d+ requests to v2/,
      /✓ sleep in cluster-2: \d+\.\d % of \d+ requests to v2/,
      /Every promise was kept/,
    ]) {
      expect(result.stdout).toMatch(line);
    }
    expect(await traces()).toEqual(before);
  });

  test('stops on an interrupt in the middle of starting and leaves nothing behind', { timeout: 60_000 }, async () => {
    const before = await traces();
    const child = startProcess(demo, { name: 'demo' });
    await child.waitForLine('mesh-1 is ready', { timeoutMs: 40_000 });

    const exit = await child.stop({ signal: 'SIGINT' });

    expect(exit.code).toBe(130);
    expect(await traces()).toEqual(before);
  });
});
