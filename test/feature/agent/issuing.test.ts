// Getting certificates from a real authority over TLS: how the caller proves itself, and what is refused.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { certificateIssuing } from '../../../agent/identity/certificate-issuing.ts';
import type { IssuingOptions } from '../../../agent/identity/certificate-issuing.ts';
import { openRootFile } from '../../../agent/identity/root-file.ts';
import { systemClock } from '../../../ca/clock.ts';
import { startAuthorityServer } from '../../support/authority-server.ts';
import type { AuthorityServer } from '../../support/authority-server.ts';
import { makeAuthority } from '../../support/certificate-authority.ts';
import { memoryLog } from '../../support/memory-log.ts';

const spiffeId = 'spiffe://cluster.local/ns/sample/sa/sleep';
const { signal } = new AbortController();

let directory: string;
let server: AuthorityServer;
let rootFile: string;
let tokenFile: string;
const { log, lines } = memoryLog();

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isthmus-issuing-'));
  rootFile = join(directory, 'root.pem');
  tokenFile = join(directory, 'token');
  server = await startAuthorityServer({
    tokens: [
      { token: 'sleep-token', namespace: 'sample', serviceAccount: 'sleep' },
      { token: 'next-token', namespace: 'sample', serviceAccount: 'sleep' },
      { token: 'other-token', namespace: 'sample', serviceAccount: 'other' },
    ],
  });
  writeFileSync(rootFile, server.rootsPem);
  writeFileSync(tokenFile, 'sleep-token\n');
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

test('the token proves who asks, the cluster is named, and every certificate has a new key', async () => {
  const issue = await issuing();
  const first = await issue(undefined, signal);
  const second = await issue(first, signal);

  expect(first).toMatchObject({ spiffeId, rootsPem: server.rootsPem });
  expect(second.keyPem).not.toBe(first.keyPem);
  expect(server.asked).toEqual([
    { token: 'sleep-token', clusterId: 'cluster-1', clientSpiffeId: undefined, ttlSeconds: 3600 },
    { token: 'sleep-token', clusterId: 'cluster-1', clientSpiffeId: undefined, ttlSeconds: 3600 },
  ]);
});

test('the token is read anew for every request', async () => {
  const issue = await issuing();
  await issue(undefined, signal);
  writeFileSync(tokenFile, 'next-token');
  await issue(undefined, signal);
  expect(server.asked.map(({ token }) => token)).toEqual(['sleep-token', 'next-token']);
});

test('when the token is gone, the certificate that is renewed proves who asks', async () => {
  const issue = await issuing();
  const first = await issue(undefined, signal);
  rmSync(tokenFile);
  expect(await issue(first, signal)).toMatchObject({ spiffeId });
  expect(server.asked.at(-1)).toMatchObject({ token: undefined, clientSpiffeId: spiffeId });

  await expect(issue(undefined, signal)).rejects.toMatchObject({ code: 'unreadable-file' });
});

test('an unknown token is refused with the words of the authority', async () => {
  writeFileSync(tokenFile, 'stolen');
  const issue = await issuing();
  await expect(issue(undefined, signal)).rejects.toMatchObject({
    code: 'certificate-refused',
    message: expect.stringContaining('UNAUTHENTICATED: The token belongs to no service account'),
  });
});

test('the identity is the one of the token, whatever was asked for, and the difference is logged', async () => {
  writeFileSync(tokenFile, 'other-token');
  const issue = await issuing();
  expect((await issue(undefined, signal)).spiffeId).toBe('spiffe://cluster.local/ns/sample/sa/other');
  expect(lines.at(-1)).toMatchObject({ asked: spiffeId, received: 'spiffe://cluster.local/ns/sample/sa/other' });
});

test('a server under another root, or with another name, gets neither token nor request', async () => {
  writeFileSync(rootFile, (await makeAuthority()).root.certificatePem);
  const wrongRoot = await issuing();
  await expect(wrongRoot(undefined, signal)).rejects.toMatchObject({ code: 'authority-unreachable' });

  writeFileSync(rootFile, server.rootsPem);
  const wrongName = await issuing({ serverName: 'somebody.else' });
  await expect(wrongName(undefined, signal)).rejects.toMatchObject({ code: 'authority-unreachable' });
  expect(server.asked).toEqual([]);
});

test('roots that replace the file are used for the next request; a broken file changes nothing', async () => {
  writeFileSync(rootFile, (await makeAuthority()).root.certificatePem);
  const issue = await issuing();
  await expect(issue(undefined, signal)).rejects.toMatchObject({ code: 'authority-unreachable' });
  writeFileSync(rootFile, server.rootsPem);
  await issue(undefined, signal);
  writeFileSync(rootFile, 'garbage');
  expect(await issue(undefined, signal)).toMatchObject({ spiffeId });
});

test('a busy authority is one that is not there for now', async () => {
  server.refusal = { code: 'UNAVAILABLE', message: 'busy' };
  const issue = await issuing();
  await expect(issue(undefined, signal)).rejects.toMatchObject({ code: 'authority-unreachable' });
});

async function issuing(change: Partial<IssuingOptions> = {}): Promise<ReturnType<typeof certificateIssuing>> {
  const roots = await openRootFile({ path: rootFile, clock: systemClock, log });
  const serverName = 'istiod.istio-system.svc';
  const clusterId = 'cluster-1';
  const where = { address: server.address, serverName, clusterId, spiffeId, roots, tokenFile } as const;
  return certificateIssuing({ ...where, ttlMs: 3_600_000, clock: systemClock, log, ...change });
}
