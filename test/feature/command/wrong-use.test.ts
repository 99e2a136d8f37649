// What every command does when it is used wrongly, as a real process.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../support/process.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-wrong-use-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const serve = ['serve', '--cluster-id', 'cluster-1', '--network', '', '--registry', '.'];

const wrongUses: readonly (readonly [argv: readonly string[], sentence: string])[] = [
  [[], 'Usage: isthmus'],
  [['serv'], "unknown command 'serv'"],
  [['serve'], "required option '--cluster-id <id>' not specified"],
  [['serve', '--nope'], "unknown option '--nope'"],
  [['validate', '--file', 'x'], "unknown option '--file'. Close: --filename."],
  [['validate', 'manifests'], 'name the manifests with -f: isthmus validate -f manifests'],
  [['ca', 'init', '--dirr', 'x'], "unknown option '--dirr'. Close: --dir."],
  [
    ['validate', '-f', 'nowhere'],
    'isthmus validate: -f nowhere: there is no such file or directory; correct the path.',
  ],
  [['validate', '-f', '.', '--mesh-config', 'nowhere'], '--mesh-config nowhere: there is no such file or directory'],
  [['diff', '-f', 'nowhere'], '-f nowhere: there is no such file or directory; correct the path.'],
  [['diff'], 'Say which manifests: -f PATH'],
  [['agent'], "required option '--discovery-address <host:port>' not specified"],
  [['agent', '--log-level', 'loud'], "argument 'loud' is invalid. Allowed choices are debug, info, warn, error."],
  [['iptables', '--nope'], "unknown option '--nope'"],
  [['ca'], 'Usage: isthmus ca'],
  [['ca', 'init'], "required option '--dir <dir>' not specified"],
  [['ca', 'issue', '--dir', 'x'], "required option '--root <dir>' not specified"],
  [['clusters', 'x'], 'too many arguments'],
  [[...serve, '--log-level', 'loud'], '--log-level loud: use trace, debug, info, warn or error.'],
  [[...serve, '--trust-domain', 'Mesh/1'], '--trust-domain "Mesh/1": use lower case letters'],
  [[...serve, '--xds-port', '0x10'], '--xds-port 0x10 is not a port'],
];

describe.concurrent('wrong use is exit code 2 and says what is wrong', () => {
  test.for(wrongUses)('isthmus %j', async ([argv, sentence]) => {
    const { code, stderr } = await run([execPath, 'server/main.ts', ...argv]);

    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(sentence) });
    expect(stderr).not.toContain('    at ');
  });
});

test('help is exit code 0', async () => {
  const [whole, one] = await Promise.all([
    run([execPath, 'server/main.ts', '--help']),
    run([execPath, 'server/main.ts', 'ca', 'issue', '--help']),
  ]);

  expect([whole.code, one.code]).toStrictEqual([0, 0]);
});

test('an authority without a lifetime, or of a cluster that can have no such name, is not made', async () => {
  const dir = join(directory, 'root');
  const init = ['server/main.ts', 'ca', 'init', '--dir', dir];
  const noLife = await run([execPath, ...init, '--ttl', '0']);
  const made = await run([execPath, ...init]);
  const issue = ['server/main.ts', 'ca', 'issue', '--root', dir, '--dir', join(directory, 'issued'), '--cluster-id'];
  const badName = await run([execPath, ...issue, '../x']);
  const badDomain = await run([execPath, ...issue, 'cluster-1', '--trust-domain', 'no domain']);

  expect(noLife).toMatchObject({ code: 2, stderr: expect.stringContaining('--ttl 0: a certificate needs a lifetime') });
  expect(made).toMatchObject({ code: 0 });
  expect(badName).toMatchObject({ code: 2, stderr: expect.stringContaining('--cluster-id "../x"') });
  expect(badDomain).toMatchObject({ code: 2, stderr: expect.stringContaining('--trust-domain "no domain"') });
});

test('a reader that leaves early, such as head, ends the command without a word', async () => {
  const { stdout, stderr } = await run(['sh', '-c', '"$0" server/main.ts agent --help | true', execPath]);
  expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
});
