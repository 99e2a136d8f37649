// `describeLab` is vitest's `describe` for suites that need separate networks. Where they can't be had the suite is skipped and
// the reason printed; in CI it runs and fails with that reason, because there a skip would hide that nothing was tested.

import { describe } from 'vitest';
import { labSupport } from './lab-privileges.ts';

const support = await labSupport();
const skipped = support.kind !== 'ready' && process.env['CI'] === undefined;

if (skipped) {
  const reason =
    support.kind === 'impossible' ? support.reason : `start it under "${support.prefix.slice(0, 6).join(' ')}"`;
  console.warn(`suites with separate networks are skipped: ${reason}`);
}

export const describeLab: (name: string, suite: () => void) => void = skipped ? describe.skip : describe;
