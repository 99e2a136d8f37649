import { describe, expect, test } from 'vitest';
import { generate, staleFiles } from '../../../proto/generate.ts';

describe('generated files', () => {
  test('those committed are those that would be generated', () => {
    expect(staleFiles(generate())).toEqual([]);
  });

  test('generating twice gives the same text', () => {
    expect([...generate()]).toEqual([...generate()]);
  });

  test('a changed, a missing and a superfluous file are each noticed', () => {
    const files = new Map(generate());
    files.set('google.rpc.ts', '');
    files.set('no.such.package.ts', '');
    files.delete('xds.core.v3.ts');
    expect(staleFiles(files)).toEqual(['google.rpc.ts', 'no.such.package.ts', 'xds.core.v3.ts']);
  });
});
