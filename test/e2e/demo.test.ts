// The demo as a person runs it: a process with an exit code and words on its output, and nothing left behind.

import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeLab } from '../support/describe-lab.ts';
import { run, startProcess } from '../support/process.ts';
import type { RunningProcess } from '../support/process.ts';

const demo = [process.execPath, resolve(import.meta.dirname, '../demo/main.ts')];

describeLab('npm run demo', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'isthmus-e2e-'));
    chmodSync(directory, 0o711);
  });

  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  /** Namespaces of this demo, whose names carry its process id, and files in the temporary directory that only it was given. */
  async function leftBehindBy(child: RunningProcess): Promise<readonly string[]> {
    const namespaces = (await run(['ip', 'netns', 'list'])).stdout.split('\n');
    return [...namespaces.filter((name) => name.startsWith(`isl-${child.pid}-`)), ...readdirSync(directory)];
  }

  function startDemo(): RunningProcess {
    return startProcess(demo, { name: 'demo', env: { TMPDIR: directory } });
  }

  test('keeps every promise, says so, exits with 0 and leaves nothing behind', async () => {
    const child = startDemo();
    const exit = await child.exited;

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
      expect(child.output).toMatch(line);
    }
    expect(exit.code).toBe(0);
    expect(await leftBehindBy(child)).toEqual([]);
  });

  test('stops on an interrupt in the middle of starting and leaves nothing behind', async () => {
    const child = startDemo();
    await child.waitForLine('mesh-1 is ready', { timeoutMs: 90_000 });
    expect(await leftBehindBy(child)).not.toEqual([]);

    const exit = await child.stop({ signal: 'SIGINT' });

    expect(exit.code).toBe(130);
    expect(await leftBehindBy(child)).toEqual([]);
  });

  test('says what is missing and exits with 1 when Envoy can not be started', async () => {
    const child = startProcess(demo, { name: 'demo', env: { TMPDIR: directory, ENVOY_PATH: '/no/such/envoy' } });

    expect(await child.exited).toMatchObject({ code: 1 });
    expect(child.output).toContain('✗ ENVOY_PATH is "/no/such/envoy"');
    expect(await leftBehindBy(child)).toEqual([]);
  });
});
