// The rules of the xDS protocol as far as two secrets need them, one test a rule, for both variants.

import { expect, test } from 'vitest';
import type { WorkloadCertificate } from '../../../agent/identity/workload-certificate.ts';
import { systemRootsPem } from '../../../agent/secrets/system-roots.ts';
import { secretSnapshot } from '../../../agent/secrets/secret-snapshot.ts';
import { DeltaSecretSubscription, WorldSecretSubscription } from '../../../agent/secrets/secret-subscription.ts';
import { decode } from '../../../proto/codec.ts';
import { DeltaDiscoveryResponse, DiscoveryResponse } from '../../../proto/generated/envoy.service.discovery.v3.ts';

const certificate: WorkloadCertificate = {
  keyPem: 'key',
  chainPem: 'chain',
  rootsPem: '',
  spiffeId: '',
  serialNumber: '1',
  notAfterMs: 0,
};
const first = secretSnapshot(certificate, { mesh: 'root 1', system: '' });
const second = secretSnapshot(certificate, { mesh: 'root 2', system: '' });

function world(bytes: Uint8Array | undefined) {
  return bytes === undefined ? undefined : decode(DiscoveryResponse, bytes);
}

function delta(bytes: Uint8Array | undefined) {
  return bytes === undefined ? undefined : decode(DeltaDiscoveryResponse, bytes);
}

test('equal secrets have equal versions, others do not', () => {
  expect(secretSnapshot(certificate, { mesh: 'root 1', system: '' })).toEqual(first);
  expect(second.get('ROOTCA')?.version).not.toBe(first.get('ROOTCA')?.version);
  expect(second.get('default')?.version).toBe(first.get('default')?.version);
});

test('an empty bundle of roots is not a secret', () => {
  expect([...secretSnapshot(certificate, { mesh: '', system: '' }).keys()]).toEqual(['default']);
});

test('state of the world: a stale nonce changes nothing, the present one does', () => {
  const subscription = new WorldSecretSubscription();
  subscription.receive({ resourceNames: ['ROOTCA'] });
  expect(world(subscription.next(first))?.nonce).toBe('1');
  expect(world(subscription.next(second))?.nonce).toBe('2');

  subscription.receive({ resourceNames: ['default'], responseNonce: '1' });
  expect(subscription.next(second)).toBeUndefined();
  subscription.receive({ resourceNames: ['ROOTCA', 'default'], responseNonce: '2' });
  expect(world(subscription.next(second))?.resources).toHaveLength(2);
});

test('state of the world: an ACK of what is current is not answered, a NACK is told and not answered either', () => {
  const subscription = new WorldSecretSubscription();
  subscription.receive({ resourceNames: ['ROOTCA'] });
  subscription.next(first);
  expect(subscription.receive({ resourceNames: ['ROOTCA'], responseNonce: '1' })).toBeUndefined();
  expect(subscription.next(first)).toBeUndefined();
  const nack = { resourceNames: ['ROOTCA'], responseNonce: '1', errorDetail: { code: 3, message: 'bad' } };
  expect(subscription.receive(nack)).toEqual({ nonce: '1', reason: 'bad' });
  expect(subscription.next(first)).toBeUndefined();
});

test('delta: an unsubscribed secret is not sent, and one subscribed again is', () => {
  const subscription = new DeltaSecretSubscription();
  subscription.receive({ resourceNamesSubscribe: ['ROOTCA', 'default'] });
  expect(delta(subscription.next(first))?.resources).toHaveLength(2);
  subscription.receive({ resourceNamesUnsubscribe: ['ROOTCA'], responseNonce: '1' });
  expect(subscription.next(second)).toBeUndefined();

  subscription.receive({ resourceNamesSubscribe: ['default'] });
  expect(delta(subscription.next(second))?.resources?.map(({ name }) => name)).toEqual(['default']);
});

test('delta: a NACK with a stale nonce is not told, one with the present nonce is', () => {
  const subscription = new DeltaSecretSubscription();
  subscription.receive({ resourceNamesSubscribe: ['ROOTCA'] });
  subscription.next(first);
  subscription.next(second);
  expect(subscription.receive({ responseNonce: '1', errorDetail: { message: 'old' } })).toBeUndefined();
  expect(subscription.receive({ responseNonce: '2', errorDetail: { message: 'bad' } })?.reason).toBe('bad');
});

test('delta: ten thousand names that are not served cost a bounded answer, once', () => {
  const subscription = new DeltaSecretSubscription();
  subscription.receive({ resourceNamesSubscribe: Array.from({ length: 10_000 }, (_, index) => `name-${index}`) });
  expect(delta(subscription.next(first))?.removedResources).toHaveLength(100);
  expect(subscription.next(first)).toBeUndefined();
});

test('the roots of the machine are served for servers outside the mesh, whatever the machine has', () => {
  const secrets = secretSnapshot(certificate, { mesh: 'root 1', system: systemRootsPem() });

  expect([...secrets.keys()]).toEqual(['default', 'ROOTCA', 'file-root:system']);
  expect(systemRootsPem()).toMatch(/^-----BEGIN CERTIFICATE-----\n/);
});
