// Small buffers share pieces of memory, and the pieces are small as well.

import { afterEach, expect, test } from 'vitest';
import { useSmallBufferPool } from '../../../server/buffer-pool.ts';

const usual = Buffer.poolSize;

afterEach(() => {
  Buffer.poolSize = usual;
});

test('a small buffer keeps no more than 8 KiB alive, once what is left of the piece before is used up', () => {
  useSmallBufferPool();
  for (let used = 0; used <= usual; used += 1_000) Buffer.allocUnsafe(1_000);
  expect(Buffer.allocUnsafe(1_000).buffer.byteLength).toBe(8 * 1024);
});
