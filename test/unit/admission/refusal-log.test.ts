// What of refused callers is in the log.

import { expect, test } from 'vitest';
import { RefusalLog, type RefusedCall } from '../../../server/admission/refusal-log.ts';
import { FakeLoop } from './fake-loop.ts';

const wrongToken: RefusedCall = {
  code: 'UNAUTHENTICATED',
  message: 'the token is not accepted',
  address: '10.0.0.1:4000',
  path: '/s/M',
  identities: [],
};

function scene(): { loop: FakeLoop; log: RefusalLog; lines: { fields: object; message: string }[] } {
  const loop = new FakeLoop();
  const lines: { fields: object; message: string }[] = [];
  const log = new RefusalLog({
    log: { warn: (fields, message) => void lines.push({ fields, message }) },
    after: loop.after,
  });
  return { loop, log, lines };
}

test('the first of a kind is logged at once, the others as a count a minute', () => {
  const { loop, log, lines } = scene();
  for (let nth = 0; nth < 1000; nth += 1) log.ended({ ...wrongToken, address: `10.0.0.1:${nth}` });
  expect(lines).toEqual([{ fields: { ...wrongToken, address: '10.0.0.1:0' }, message: 'a caller was refused' }]);
  loop.pass(60_000);
  expect(lines).toHaveLength(2);
  expect(lines[1]?.fields).toMatchObject({ count: 999, address: '10.0.0.1:999', message: wrongToken.message });
  loop.pass(60_000);
  expect(lines).toHaveLength(2);
  log.ended(wrongToken);
  expect(lines[2]?.message).toBe('a caller was refused');
});

test('kinds are told apart by their sentence, and there is an end of them', () => {
  const { log, lines } = scene();
  for (let nth = 0; nth < 1000; nth += 1) {
    log.ended({ ...wrongToken, code: 'PERMISSION_DENIED', message: `not for spiffe://${nth}` });
  }
  expect(lines).toHaveLength(101);
});

test('calls that end for other reasons are not refusals', () => {
  const { log, lines } = scene();
  for (const code of ['OK', 'CANCELLED', 'UNAVAILABLE', 'INTERNAL'] as const) log.ended({ ...wrongToken, code });
  expect(lines).toEqual([]);
});
