// Every field of every kind is implemented or refused by name: nothing is ignored silently. `docs/fields.md` lists them;
// GOLDEN=write rewrites it.

import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import * as prettier from 'prettier';
import { publishedApi, readCrdKinds, type CrdKind } from '../support/fields/crd-fields.ts';
import { judgeField, type Verdict } from '../support/fields/judge-field.ts';

const page = resolve(import.meta.dirname, '../../docs/fields.md');

/** Known fields that change nothing here, and why that is right. */
const withoutEffect: Readonly<Record<string, string>> = {
  'Gateway servers[].name': 'names statistics in Istio',
};

let judged: readonly { readonly kind: CrdKind; readonly verdicts: ReadonlyMap<string, Verdict> }[] = [];

beforeAll(async () => {
  const kinds = await readCrdKinds();
  judged = kinds.map((kind) => ({
    kind,
    verdicts: new Map(kind.fields.map((field) => [field.path, judgeField(kind, field)])),
  }));
}, 120_000);

describe('of every kind', () => {
  test('each field is known', () => {
    expect(withVerdict('unknown')).toEqual([]);
  });

  test('each field that has no effect is one of the few for which that is right', () => {
    const unexplained = withVerdict('without effect').filter((field) => withoutEffect[field] === undefined);
    expect(unexplained).toEqual([]);
  });

  test('a field that does not exist would be seen', () => {
    const field = { path: 'noSuchField', sample: 'text' };
    const verdicts = judged.map(({ kind }) => [kind.kind, judgeField(kind, field)]);
    expect(Object.fromEntries(verdicts)).toMatchObject({
      AuthorizationPolicy: 'unknown',
      DestinationRule: 'unknown',
      Gateway: 'unknown',
      VirtualService: 'unknown',
    });
  });

  test('the page lists each field as it is', async () => {
    const options = await prettier.resolveConfig(page);
    const text = await prettier.format(render(), { ...options, parser: 'markdown' });
    if (process.env['GOLDEN'] === 'write') await writeFile(page, text);
    expect(await readFile(page, 'utf8')).toBe(text);
  });
});

function withVerdict(wanted: Verdict): readonly string[] {
  return judged.flatMap(({ kind, verdicts }) =>
    [...verdicts].flatMap(([path, verdict]) => (verdict === wanted ? [`${kind.kind} ${path}`] : [])),
  );
}

function render(): string {
  const { module, version } = publishedApi;
  const head = `# Fields

Every field of the kinds of \`${module}\` ${version}, and what becomes of it. Made from the converters by
\`GOLDEN=write npx vitest run test/golden/fields.test.ts\`, and checked by the same test.

- **implemented**: it is read and obeyed, or an object with a value that can't be obeyed is refused.
- **refused**: an object with the field is refused by a sentence that names it.
- **disregarded**: the object is taken, and a warning names the field.
- **without effect**: known, and there is nothing that it could change.

| kind | implemented | refused | disregarded | without effect |
| --- | --- | --- | --- | --- |
${judged.map(({ kind, verdicts }) => `| ${[kind.kind, ...countsOf(verdicts)].join(' | ')} |`).join('\n')}
`;
  const tables = judged.map(({ kind, verdicts }) => {
    const values = new Set(verdicts.values());
    const all = values.size === 1 ? [...values][0] : undefined;
    const title = `## ${kind.kind} (${kind.apiVersion})`;
    if (all === 'refused') return `${title}\n\nThe whole kind is refused.\n`;
    const rows = [...verdicts].map(([path, verdict]) => `| \`${path}\` | ${verdict} |`);
    return `${title}\n\n| field of \`spec\` | |\n| --- | --- |\n${rows.join('\n')}\n`;
  });
  return [head, ...tables].join('\n');
}

function countsOf(verdicts: ReadonlyMap<string, Verdict>): readonly string[] {
  const all = [...verdicts.values()];
  const wanted: readonly Verdict[] = ['implemented', 'refused', 'disregarded', 'without effect'];
  return wanted.map((one) => String(all.filter((verdict) => verdict === one).length));
}
