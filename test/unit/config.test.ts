// Options of `isthmus serve`: what they mean and what a wrong one is answered.

import { expect, test } from 'vitest';
import { ConfigError, readServeConfig, type ServeConfig } from '../../server/config.ts';
import { serveCommand } from '../../server/cli/serve.ts';

/** As the command line would give them, defaults included. */
function configured(...argv: readonly string[]): ServeConfig {
  const command = serveCommand().action(() => undefined);
  command.parse(['--cluster-id', 'cluster-1', '--network', 'network1', ...argv], { from: 'user' });
  return readServeConfig(command.opts(), () => true);
}

test('gateways are probed every five seconds, at an interval of choice, or not at all', () => {
  expect(configured().gatewayProbeMs).toBe(5_000);
  expect(configured('--gateway-probe', 'on').gatewayProbeMs).toBe(5_000);
  expect(configured('--gateway-probe', '30s').gatewayProbeMs).toBe(30_000);
  expect(configured('--gateway-probe', 'off').gatewayProbeMs).toBe(0);
});

test.each(['sometimes', '1ms', '-5s', ''])('--gateway-probe %j is refused', (value) => {
  expect(() => configured(`--gateway-probe=${value}`)).toThrow(ConfigError);
});

test('endpoints of a remote that is away are kept unless something else is asked for', () => {
  expect(configured()).toMatchObject({ stalePolicy: 'keep', staleAfterMs: 300_000, stateDir: undefined });
  expect(configured('--stale-policy', 'drop', '--stale-after', '0')).toMatchObject({
    stalePolicy: 'drop',
    staleAfterMs: 0,
  });
  expect(() => configured('--stale-policy', 'forget')).toThrow('use keep, degrade or drop');
});

test('addresses that keys of token issuers are fetched from are CIDR blocks', () => {
  expect(configured().jwksAddresses).toEqual({ allow: [], deny: [] });
  const given = configured('--jwks-allow', '10.1.0.0/16,fd00::/8', '--jwks-deny', '0.0.0.0/0');
  expect(given.jwksAddresses).toEqual({ allow: ['10.1.0.0/16', 'fd00::/8'], deny: ['0.0.0.0/0'] });
  expect(() => configured('--jwks-deny', 'internal')).toThrow('--jwks-deny internal is not a CIDR block');
});

test('a revision is the end of a Service name', () => {
  expect(configured().revision).toBeUndefined();
  expect(configured('--revision', 'canary-2').revision).toBe('canary-2');
});

test.each(['Canary', 'v1.2', '-a', 'a'.repeat(57), ''])('--revision %j is refused', (value) => {
  expect(() => configured(`--revision=${value}`)).toThrow(ConfigError);
});

test('limits of admission are whole numbers; only that of proxies may be none', () => {
  expect(configured()).toMatchObject({ maxProxies: 0, maxHandshakesPerSecond: 400, maxRequestsPerSecond: 100 });
  expect(configured('--max-proxies', '600').maxProxies).toBe(600);
  expect(() => configured('--max-handshakes', '0')).toThrow('use a whole number of at least 1');
  expect(() => configured('--max-proxies', 'many')).toThrow('use a whole number of at least 0');
});

test('workers are none unless asked for, and no more than a machine may have', () => {
  expect(configured().workers).toBe(0);
  expect(configured('--workers', '2').workers).toBe(2);
  expect(() => configured('--workers', '65')).toThrow('--workers 65: use at most 64');
  expect(() => configured('--workers', '-1')).toThrow('use a whole number of at least 0');
});
