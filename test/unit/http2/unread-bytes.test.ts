import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UnreadBytes } from '../../../server/http2/unread-bytes.ts';

test('what was pushed comes out in order, whenever it is taken', () => {
  const steps = fc.array(fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 6000 }), fc.constant('shift' as const)));
  fc.assert(
    fc.property(steps, (taken) => {
      const unread = new UnreadBytes();
      const pushed: Uint8Array[] = [];
      const out: Uint8Array[] = [];
      const shift = (): boolean => {
        const bytes = unread.shift();
        if (bytes !== undefined) out.push(bytes);
        return bytes !== undefined;
      };
      for (const step of taken) {
        if (step === 'shift') shift();
        else {
          pushed.push(step);
          unread.push(Buffer.from(step));
        }
        expect(unread.length).toBe(Buffer.concat(pushed).length - Buffer.concat(out).length);
      }
      while (shift());
      expect(Buffer.concat(out).equals(Buffer.concat(pushed))).toBe(true);
      expect(unread.length).toBe(0);
    }),
  );
});

test('bytes that come one at a time are held together', () => {
  const unread = new UnreadBytes();
  for (let count = 0; count < 65_535; count += 1) unread.push(Buffer.of(count));
  let pieces = 0;
  while (unread.shift() !== undefined) pieces += 1;
  expect(pieces).toBeLessThan(20);
});

test('nothing is left when it is cleared', () => {
  const unread = new UnreadBytes();
  for (let count = 0; count < 3; count += 1) unread.push(Buffer.alloc(3000));
  unread.clear();
  expect([unread.length, unread.shift()]).toEqual([0, undefined]);
});
