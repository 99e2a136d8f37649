// Hosts of ServiceEntries through a real Envoy: by server name on a shared port, by blocks of addresses, and by port alone.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateAll } from '../../support/generate-all.ts';
import { golden } from '../../golden/cases/service-entry.ts';
import { passInEnvoy, type ConnectionEnvoy } from './connections-in-envoy.ts';

let envoy: ConnectionEnvoy;
beforeAll(async () => {
  envoy = await passInEnvoy(generateAll(golden.proxy, golden.mesh), [
    '0.0.0.0_443',
    '0.0.0.0_9001',
    '192.0.2.20_27017',
  ]);
});
afterAll(async () => envoy[Symbol.asyncDispose]());

test('a TLS connection goes to the host that its hello names, exactly or by a pattern', async () => {
  expect(await envoy.reach('0.0.0.0_443', 'api.example.com')).toBe('outbound|443||api.example.com');
  expect(await envoy.reach('0.0.0.0_443', 'a.wild.example.com')).toBe('outbound|443||*.wild.example.com');
});

test('a connection to a port that one host alone has goes there', async () => {
  expect(await envoy.reach('0.0.0.0_9001')).toBe('outbound|9001||anything.example.com');
});

test('a connection to an address of a host goes there', async () => {
  expect(await envoy.reach('192.0.2.20_27017')).toBe('outbound|27017||vm.example.com');
});
