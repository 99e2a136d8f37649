// What a PeerAuthentication says of connections is what a real Envoy does, and a refused one is in its access log with the reason.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../../support/wait-for.ts';
import { guardInEnvoy, type GuardedEnvoy, type GuardedWorkload, type Ports } from './guarded-envoy.ts';
import { securityPolicy } from './security-policy.ts';

const caller = 'cluster.local/shop/cart';
const strict = { mtls: { mode: 'STRICT' } };
const peer = (spec: object, name = 'default/it') => securityPolicy({ ...spec }, { kind: 'PeerAuthentication', name });
const ofWorkload = { selector: { matchLabels: { app: 'web' } } };

const workloads: Readonly<Record<string, (ports: Ports) => GuardedWorkload>> = {
  nothing: () => ({ policies: [] }),
  permissive: () => ({ policies: [peer({ mtls: { mode: 'PERMISSIVE' } })] }),
  strict: () => ({ policies: [peer(strict)] }),
  'of the mesh': () => ({ policies: [peer(strict, 'istio-system/mesh')] }),
  'of another namespace': () => ({ policies: [peer(strict, 'elsewhere/it')] }),
  'of a workload': () => ({
    policies: [peer(strict), peer({ ...ofWorkload, mtls: { mode: 'PERMISSIVE' } }, 'default/web')],
  }),
  'unset inherits': () => ({
    policies: [peer(strict, 'istio-system/mesh'), peer({ mtls: { mode: 'UNSET' } })],
  }),
  'strict but for TCP': ({ tcp }) => ({
    policies: [peer({ ...ofWorkload, ...strict, portLevelMtls: { [tcp]: { mode: 'PERMISSIVE' } } })],
  }),
  'strict for HTTP alone': ({ http }) => ({
    policies: [peer({ ...ofWorkload, portLevelMtls: { [http]: { mode: 'STRICT' } } })],
  }),
  disabled: () => ({ policies: [peer({ mtls: { mode: 'DISABLE' } })] }),
};

let envoy: GuardedEnvoy;

beforeAll(async () => {
  envoy = await guardInEnvoy({ workloads });
}, 60_000);

afterAll(() => envoy[Symbol.asyncDispose]());

/** Whether HTTP in plain text, HTTP under mutual TLS, TCP in plain text and TCP under mutual TLS get an answer. */
test.each([
  ['nothing', true, true, true, true],
  ['permissive', true, true, true, true],
  ['strict', false, true, false, true],
  ['of the mesh', false, true, false, true],
  ['of another namespace', true, true, true, true],
  ['of a workload', true, true, true, true],
  ['unset inherits', false, true, false, true],
  ['strict but for TCP', false, true, true, true],
  ['strict for HTTP alone', false, true, true, true],
  ['disabled', true, false, true, false],
] as const)('%s', async (workload, ...expected) => {
  const asks = (as?: string): Promise<boolean> =>
    envoy.ask(workload, as === undefined ? {} : { as }).then(
      ({ status }) => status === 200,
      () => false,
    );
  const passes = async (as?: string): Promise<boolean> =>
    (await envoy.pass(workload, as === undefined ? {} : { as })) === 'echo hello';
  expect([await asks(), await asks(caller), await passes(), await passes(caller)]).toEqual(expected);
});

describe('STRICT', () => {
  test('names the plain text that it refused in the access log', async () => {
    await expect(envoy.ask('strict')).rejects.toThrow(/hang up|ECONNRESET|alert/);
    const port = `local=127.0.0.1:${envoy.httpPort('strict')} `;
    const line = await waitFor(
      () => envoy.accessLog().find((text) => text.includes(port) && text.includes('NR')),
      (found) => found !== undefined,
      { what: 'a line about the refused connection' },
    );
    expect(line).toContain('filter_chain_not_found');
  });

  test('refuses a certificate of another trust domain', async () => {
    await expect(envoy.ask('strict', { as: 'elsewhere.example/shop/cart' })).rejects.toThrow(
      /hang up|ECONNRESET|alert/,
    );
    expect(await envoy.pass('strict', { as: 'elsewhere.example/shop/cart' })).toBe('');
  });
});
