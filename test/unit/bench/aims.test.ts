// What docs/performance.md says of the aims is of the same run as the figures below it.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';

const page = await readFile(resolve(import.meta.dirname, '../../../docs/performance.md'), 'utf8');

function part(command: string): string {
  const [, rest = ''] = page.split(`<!-- begin: written by ${command} -->`);
  return rest.split('<!-- end')[0] ?? '';
}

/** The cells of the row that begins so. */
function row(text: string, name: string): readonly string[] {
  const line = text.split('\n').find((each) => each.startsWith(`| ${name}`));
  if (line === undefined) throw new Error(`no row ${name}`);
  return line.split('|').map((cell) => cell.trim());
}

test.each([
  ['endpoint change', 'endpoint change'],
  ['VirtualService change', 'VirtualService change'],
  ['all 200 connect, plaintext', 'all proxies connected, plaintext'],
])('%s is the same in both tables', (aim, step) => {
  const [measured = ''] = row(part('npm run bench'), step)[2]?.split(' (') ?? [];
  expect(row(part('npm run bench: aims'), aim)[4]).toBe(measured);
});

test.each([
  ['CPU of the server', 8],
  ['endpoint change', 12],
  ['VirtualService change', 20],
  ['memory of the process for one more proxy', 100],
  ['delay of the event loop', 5],
])('%s is said to be reached below %i and missed from there on', (aim, limit) => {
  const [, , , , measured = '', verdict] = row(part('npm run bench: aims'), aim);
  expect(verdict).toBe(Number.parseFloat(measured) < limit ? 'reached' : '**missed**');
});
