// Every case in `cases/` gives what is written down in `expected/`, uses no field that Envoy does not have, and is accepted
// by a real Envoy.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { asBootstrap, asJson, firstMistake, generateAll, generateNameTable } from '../support/generate-all.ts';
import { validate } from '../support/envoy.ts';
import type { GoldenCase } from './golden.ts';
import { withOutsideFiles } from './outside-files.ts';

const rewrite = process.env['GOLDEN'] === 'write';
const cases = join(import.meta.dirname, 'cases');
const names = (await readdir(cases)).map((file) => file.replace(/\.ts$/, '')).toSorted();

describe.each(names)('%s', (name) => {
  const load = async () => {
    const { golden } = (await import(join(cases, `${name}.ts`))) as { golden: GoldenCase };
    return { golden, generated: generateAll(golden.proxy, golden.mesh) };
  };

  test('is generated as written down', async () => {
    const { golden, generated } = await load();
    const file = join(import.meta.dirname, 'expected', `${name}.yaml`);
    const actual = { ...asJson(generated), ...(golden.names === true ? { names: generateNameTable(golden.proxy, golden.mesh) } : {}) };
    if (rewrite) {
      await writeFile(
        file,
        `# ${golden.shows}\n${stringify(actual, { lineWidth: 120, aliasDuplicateObjects: false })}`,
      );
    }
    expect(actual).toEqual(parse(await readFile(file, 'utf8')));
  });

  test('names no field that its messages do not have', async () => {
    const { generated } = await load();
    expect(firstMistake(generated)).toBeUndefined();
  });

  test('is accepted by Envoy', { timeout: 120_000 }, async () => {
    const { generated } = await load();
    await using files = await withOutsideFiles(asBootstrap(generated));
    expect(await validate(files.bootstrap)).toEqual({ kind: 'accepted' });
  });
});
