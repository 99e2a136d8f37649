// The rules of each set of arguments are those written down in `expected-rules/`; `npm run golden` rewrites them.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeRules } from '../../agent/iptables/describe-rules.ts';
import { defaultArguments, parseInterception } from '../../agent/iptables/parse-interception.ts';
import { interceptionCases, interceptionSurroundings } from '../support/interception-cases.ts';

const rewrite = process.env['GOLDEN'] === 'write';

test.for(Object.entries(interceptionCases))('the rules of "%s" are as written down', async ([name, given]) => {
  const interception = parseInterception({ ...defaultArguments, ...given }, interceptionSurroundings);
  const file = join(import.meta.dirname, 'expected-rules', `${name}.rules`);
  const actual = describeRules(interception);
  if (rewrite) await writeFile(file, actual);
  expect(actual).toBe(await readFile(file, 'utf8'));
});
