// An instance without file descriptors to spare goes on without the worker, and has it when there are some again.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('a worker that can not be started for lack of file descriptors is started later', async () => {
  const program = fileURLToPath(new URL('descriptors.ts', import.meta.url));
  const command = ['-c', 'ulimit -n 64 && exec "$0" "$1"', process.execPath, program];
  const { stdout } = await promisify(execFile)('sh', command, { timeout: 20_000 });
  expect(stdout).toBe('serves: true\n');
}, 30_000);
