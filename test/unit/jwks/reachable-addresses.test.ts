// Which addresses key sets are fetched from: a RequestAuthentication must not make the control plane ask what only it can reach.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { fetchKeySet } from '../../../server/jwks/fetch-key-set.ts';
import { isReachable, publicAndPrivate } from '../../../server/jwks/reachable-addresses.ts';

test.each([
  '127.0.0.1',
  '127.8.9.10',
  '::1',
  '0.0.0.0',
  '::',
  '169.254.169.254',
  'fe80::1',
  '224.0.0.1',
  '255.255.255.255',
  'ff02::1',
  '100.100.100.200',
  '168.63.129.16',
  'fd00:ec2::254',
  'fd00:c1::a9fe:a9fe',
  'fd20:ce::254',
  '::ffff:127.0.0.1',
  '::ffff:a9fe:a9fe',
  '64:ff9b::a9fe:a9fe',
  '2002:7f00:1::',
  'localhost',
  '',
])('%s is not asked', (address) => {
  expect(isReachable(address, publicAndPrivate)).toBe(false);
});

test.each(['192.0.2.7', '10.96.0.10', '172.16.0.1', 'fd00::7', '2001:db8::1', '64:ff9b::c000:207'])(
  '%s is asked',
  (address) => {
    expect(isReachable(address, publicAndPrivate)).toBe(true);
  },
);

test('what the operator denies is not asked, and what is allowed is, whatever else is said', () => {
  const addresses = { allow: ['10.1.0.0/16', '127.0.0.1/32'], deny: ['0.0.0.0/0', '::/0'] };
  for (const address of ['10.1.2.3', '127.0.0.1', '::ffff:10.1.2.3'])
    expect(isReachable(address, addresses)).toBe(true);
  for (const address of ['10.2.0.1', '127.0.0.2', '192.0.2.7', '2001:db8::1', '64:ff9b::a01:203']) {
    expect(isReachable(address, addresses)).toBe(false);
  }
});

test('a name, or a way of writing an address, does not lead around it', async () => {
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.end('{}');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const signal = new AbortController().signal;
  const hosts = ['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '127.1', '[::ffff:127.0.0.1]', '[::1]', '0'];
  for (const host of hosts) {
    const read = await fetchKeySet({ uri: `http://${host}:${port}/`, issuer: 'x' }, { timeoutMs: 5000, signal });
    expect(read).toMatchObject({ kind: 'wrong', reason: expect.stringContaining('--jwks-allow') as unknown });
  }
  expect(asked).toBe(0);
  const addresses = { allow: ['127.0.0.0/8', '::1/128'], deny: [] };
  const uri = `http://localhost:${port}/`;
  expect(await fetchKeySet({ uri, issuer: 'x' }, { timeoutMs: 5000, signal, addresses })).toMatchObject({
    reason: expect.stringContaining('no JSON Web Key Set') as unknown,
  });
  expect(asked).toBe(1);
  server.close();
});
