// The tables of docs/validation.md name every code that a finding can have, and none that no finding has. Codes are found where the
// sources write them: as `code`, or as an argument of what makes a finding.

import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const sources = ['discovery', 'server']
  .flatMap((folder) => globSync(`${folder}/**/*.ts`))
  .map((path) => readFileSync(path, 'utf8'))
  // What is no finding: an error of the command line's own.
  .map((text) => text.replaceAll(/readonly code: .*/g, ''));

const makers = 'error|warn|report|#report|problem|on|patchProblem|keepWholeFile';
const places = [
  /\bcode: ('[a-z-]+')/g,
  /\bconst code = (?:[^;']*\? )?('[a-z]+-[^;]+);/g,
  // The code is the first argument, or stands after a severity or an argument without quotation marks.
  new RegExp(
    `(?<![\\w])(?:${makers})\\(\\s*(?:'(?:error|warning)',\\s*|[^'()]*,\\s*)?([^',()]*'[a-z]+(?:-[a-z]+)+'(?: : '[a-z-]+')?)`,
    'g',
  ),
];

function codesInSources(): readonly string[] {
  const written = sources.flatMap((text) =>
    places.flatMap((place) => [...text.matchAll(place)].map(([, code]) => code)),
  );
  const names = written.flatMap((text = '') =>
    [...text.matchAll(/'([a-z]+(?:-[a-z]+)*)'/g)].map(([, name = '']) => name),
  );
  return [...new Set(names)].toSorted();
}

function codesInTables(): readonly string[] {
  const cells = readFileSync('docs/validation.md', 'utf8')
    .split(/\n{2,}/)
    .filter((paragraph) => paragraph.startsWith('| code |'))
    .flatMap((table) => table.split('\n').map((row) => row.split('|')[1] ?? ''));
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)).toSorted();
}

// Of the reader of JSON in proto/, for patches of an EnvoyFilter.
const elsewhere = ['unknown-type'];

test('every code of a finding is in a table of docs/validation.md once, and nothing else is', () => {
  expect(codesInTables()).toEqual([...codesInSources(), ...elsewhere].toSorted());
});
