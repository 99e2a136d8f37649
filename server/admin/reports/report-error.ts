// What a question may be refused with.

import type { Refusal } from '../../stream/snapshot-source.ts';

export function refusal(code: Refusal['code'], message: string): Refusal {
  return { kind: 'refused', code, message };
}
