// docs/install.md says what works, also where nobody follows it step by step (test/e2e/users-guide.test.ts does): its values are taken by
// Helm, its options by our commands.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { helmProgram } from '../../support/helm.ts';
import { run, runOrThrow } from '../../support/process.ts';

const repository = resolve(import.meta.dirname, '../../..');
const guide = await readFile(resolve(repository, 'docs/install.md'), 'utf8');

/** One command each, continued lines joined, for the first cluster. */
const commands = [...blocks('sh'), ...blocks('')]
  .flatMap((text) => text.replaceAll(/\\\n\s*/g, '').split('\n'))
  .map((line) => line.replaceAll('$n', '1').trim());

let directory: string;

beforeAll(async () => {
  await helmProgram();
  directory = await mkdtemp(join(tmpdir(), 'isthmus-guide-'));
  const values = /^cat > values\.yaml <<'END'\n(.*?)^END$/ms.exec(guide)?.[1] ?? '';
  await writeFile(join(directory, 'values.yaml'), values);
}, 3_600_000);

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** What stands between fences of a language; those of none are commands that the guide's own run leaves out. */
function blocks(language: string): readonly string[] {
  return [...guide.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, found]) => found === language)
    .map(([, , text = '']) => text);
}

it('Helm takes its values', async () => {
  const installed = commands.flatMap((line) => {
    const [, release = '', chart = '', options = ''] =
      /^helm .*?\binstall (\S+) (deploy\/chart\/\S+) (.*)$/.exec(line) ?? [];
    const words = options
      .replaceAll("'", '')
      .split(/\s+/)
      .map((word) => (word === 'values.yaml' ? join(directory, word) : word));
    return release === '' ? [] : [[release, chart, ...words]];
  });
  expect(installed.map(([release]) => release)).toEqual(['isthmus', 'isthmus-remote-reader', 'isthmus-v0-2']);
  for (const argv of installed) {
    const { stdout } = await runOrThrow([await helmProgram(), 'template', ...argv], { cwd: repository });
    expect(stdout).toContain('kind: ServiceAccount');
  }
});

it('our commands know its options', async () => {
  const own = commands.flatMap((line) => /npx isthmus ([^|&#]+)/.exec(line)?.[1]?.trim() ?? []);
  expect(own.length).toBeGreaterThan(5);
  for (const line of own) {
    const words = line.split(/\s+/);
    const options = words.filter((word) => word.startsWith('--'));
    const command = words.slice(0, words[0] === 'ca' ? 2 : 1);
    const help = await run([process.execPath, 'server/main.ts', ...command, '--help'], { cwd: repository });
    const known: readonly string[] = help.stdout.match(/--[a-z-]+/g) ?? [];
    expect([line, help.code, options.filter((option) => !known.includes(option))]).toEqual([line, 0, []]);
  }
});
