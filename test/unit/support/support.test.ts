// What the tests stand on: programs that are started and stopped, waiting, and the words for what a machine lacks.

import { describe, expect, test } from 'vitest';
import { run, runOrThrow, startProcess } from '../../support/process.ts';
import { installCommands } from '../../support/system-tools.ts';
import { waitFor } from '../../support/wait-for.ts';

describe('a started program', () => {
  test('is awaited by a line, and told apart by how it ended', async () => {
    const child = startProcess(['sh', '-c', 'echo ready; echo problem >&2; exec sleep 60']);
    expect(await child.waitForLine(/^read/)).toBe('ready');
    await child.waitForLine('problem');
    expect(child.running).toBe(true);
    expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' });
    expect(child.running).toBe(false);
  });

  test('ends for us although a program of its own lives on', async () => {
    const child = startProcess(['sh', '-c', 'sleep 2 & echo ready; wait']);
    await child.waitForLine('ready');
    expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' });
  });

  test('that ends before the line is an error with all that it said', async () => {
    const child = startProcess(['sh', '-c', 'echo cannot bind; exit 3'], { name: 'server' });
    await expect(child.waitForLine('ready')).rejects.toThrow(/server: ended with code 3 before .*ready.*\ncannot bind/);
  });

  test('that does not exist is an error with its reason', async () => {
    const child = startProcess(['/no/such/program']);
    await expect(child.waitForLine('ready')).rejects.toThrow(/could not be started .*ENOENT/);
    await expect(run(['/no/such/program'])).rejects.toThrow(/could not be started/);
  });

  test('that ignores SIGTERM is killed after the grace period', async () => {
    const child = startProcess(['sh', '-c', 'trap "" TERM; echo ready; while true; do sleep 0.05; done']);
    await child.waitForLine('ready');
    expect(await child.stop({ graceMs: 100 })).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('keeps its last lines only', async () => {
    const child = startProcess(['sh', '-c', 'for i in 1 2 3 4 5; do echo $i; done'], { maxLines: 2 });
    await child.exited;
    expect(child.output).toBe('(3 earlier lines dropped)\n4\n5');
  });
});

test('a program that fails is an error with its last words, one that takes too long is killed', async () => {
  expect(await run(['cat'], { input: 'text' })).toMatchObject({ code: 0, stdout: 'text' });
  await expect(runOrThrow(['sh', '-c', 'echo no such file >&2; exit 2'])).rejects.toThrow(
    /exit code 2\): no such file/,
  );
  await expect(run(['sleep', '60'], { timeoutMs: 50 })).rejects.toThrow(/more than 50 ms/);
});

test('waiting ends with the observation that holds, or with the last one that was seen', async () => {
  let count = 0;
  const counted = await waitFor(
    () => (count += 1),
    (seen) => seen === 3,
    { what: 'three', intervalMs: 1 },
  );
  expect(counted).toBe(3);

  const never = waitFor(
    () => ({ state: 'starting' }),
    () => false,
    { what: 'a start', timeoutMs: 20, intervalMs: 1 },
  );
  await expect(never).rejects.toThrow("waited 20 ms for a start; last seen: { state: 'starting' }");
  const alsoNever = waitFor(refuse, () => true, { what: 'an answer', timeoutMs: 20, intervalMs: 1 });
  await expect(alsoNever).rejects.toThrow('an error: refused');
});

test.each([
  ['apt-get', 'apt-get update && apt-get install -y --no-install-recommends iproute2 iptables'],
  ['dnf', 'dnf install -y iproute iptables'],
  ['apk', 'apk add --no-cache iproute2 iptables'],
])('missing tools are named as the packages of %s', (packageManager, expected) => {
  const commands = installCommands(packageManager, ['ip', 'iptables', 'iptables-restore']);
  expect(commands?.map((command) => command.join(' ')).join(' && ')).toBe(expected);
});

function refuse(): Promise<never> {
  return Promise.reject(new Error('refused'));
}
