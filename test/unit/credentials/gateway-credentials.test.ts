// Who gets which Secret, what is told when one changes, and what is said of a bad one.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostname, objectKey } from '../../../discovery/model/names.ts';
import type { GatewayPolicy } from '../../../discovery/model/policy.ts';
import { PersistentMap } from '../../../discovery/model/persistent-map.ts';
import type { SourceBatch } from '../../../discovery/model/source-event.ts';
import type { Workload } from '../../../discovery/model/workload.ts';
import { decodeJson } from '../../../proto/json.ts';
import { DirectorySecrets } from '../../../server/credentials/directory-secrets.ts';
import { GatewayCredentials, type HeldCredentials } from '../../../server/credentials/gateway-credentials.ts';
import { resourcesOf } from '../../../server/cache/type-snapshot.ts';
import type { Proxy } from '../../../server/proxy/proxy.ts';
import { objectOf } from '../../support/kube-objects.ts';
import { mesh, router } from '../../support/mesh-model.ts';
import { makeOutsideAuthority, type LeafFiles, type OutsideAuthority } from '../../support/server-certificate.ts';

let outside: OutsideAuthority;
let first: LeafFiles;
let second: LeafFiles;

beforeAll(async () => {
  outside = await makeOutsideAuthority();
  [first, second] = [await outside.leaf('a.example.com'), await outside.leaf('a.example.com')];
});
afterAll(() => outside[Symbol.asyncDispose]());

const identity = 'spiffe://cluster.local/ns/edge/sa/ingress';
const workload: Workload = {
  identity: { namespace: 'edge', serviceAccount: 'ingress' },
  addresses: ['10.1.0.1'],
  labels: { istio: 'edge' },
} as unknown as Workload;

const gateway = (names: readonly string[], mode: 'simple' | 'mutual' = 'simple'): GatewayPolicy => ({
  kind: 'Gateway',
  source: objectKey('Gateway', 'edge', 'public'),
  name: 'public',
  namespace: 'edge',
  createdAtMs: 1,
  exportTo: [],
  selector: { istio: 'edge' },
  servers: names.map((name, index) => {
    const field = `spec.servers[${index}].tls.credentialName`;
    return {
      port: 443,
      name,
      protocol: 'https',
      hosts: [hostname(`${name}.example.com`)],
      tlsMode: mode,
      tls: {
        certificates: { kind: 'secrets', names: [name], field },
        ...(mode === 'mutual' ? { clientRoots: { kind: 'secret', name, field } } : {}),
        subjectAltNames: [],
        certificateSpkis: [],
        certificateHashes: [],
        cipherSuites: [],
      },
    };
  }),
});

const secret = (name: string, data: Readonly<Record<string, string>>, namespace = 'edge') =>
  objectOf({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData: data });
const tls = ({ certificatePem, keyPem }: LeafFiles) => ({ 'tls.crt': certificatePem, 'tls.key': keyPem });

function scene(policy: GatewayPolicy, workloads: readonly (readonly [string, Workload])[] = [['10.1.0.1', workload]]) {
  const secrets = new DirectorySecrets();
  let deliver: ((batch: SourceBatch) => void) | undefined;
  const source = secrets.hearing({
    description: 'test',
    scope: 'primary',
    run: (given) => {
      deliver = given;
      return Promise.resolve();
    },
  });
  void source.run(() => undefined, new AbortController().signal);
  const tell = (...batch: SourceBatch): void => deliver?.(batch);
  tell({ kind: 'synced' });
  let nowMs = Date.now();
  const base = mesh({ policies: [policy] });
  const snapshot = { ...base, workloads: PersistentMap.from<string, Workload>(workloads) };
  const credentials = new GatewayCredentials({ feed: secrets, now: () => nowMs, mesh: () => snapshot });
  const told: string[] = [];
  const proxy = (changes: Partial<Proxy> = {}): Proxy =>
    router({ namespace: 'edge', addresses: ['10.1.0.1'], labels: { istio: 'edge' }, ...changes });
  return {
    tell,
    credentials,
    told,
    proxy,
    at: (ms: number) => (nowMs = ms),
    hold: (who: string | undefined, one = proxy(), name = 'it') =>
      credentials.hold({ proxy: one, identity: who, onChange: () => told.push(name) }),
  };
}

const names = (held: HeldCredentials | undefined): readonly string[] =>
  held === undefined ? [] : [...resourcesOf(held.snapshot())].map(({ name }) => name).toSorted();

describe('a gateway', () => {
  test('is given the Secrets that its Gateway names, by the names that Envoy asks for, and no others', () => {
    const { tell, hold, credentials } = scene(gateway(['a'], 'mutual'));
    const held = hold(identity);
    tell({ kind: 'changed', object: secret('a', { ...tls(first), 'ca.crt': outside.rootPem }) });
    tell({ kind: 'changed', object: secret('b', tls(second)) });
    expect(names(held)).toEqual(['kubernetes://a', 'kubernetes://a-cacert']);
    expect(credentials.followed().toSorted()).toEqual(['edge/a', 'edge/a-cacert']);
  });

  test('takes client roots and their revocations from the Secret NAME-cacert before that with the certificate', () => {
    const { tell, hold } = scene(gateway(['a'], 'mutual'));
    const held = hold(identity);
    const crl = '-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n';
    tell({ kind: 'changed', object: secret('a', { ...tls(first), 'ca.crt': 'rubbish' }) });
    tell({ kind: 'changed', object: secret('a-cacert', { cacert: outside.rootPem, 'ca.crl': crl }) });
    const roots = [...resourcesOf(held?.snapshot() ?? { parts: [] })].find(({ name }) => name.endsWith('-cacert'));
    const shown = JSON.stringify(decodeJson(roots?.typeUrl ?? '', roots?.body ?? new Uint8Array()));
    expect(shown).toContain(Buffer.from(crl).toString('base64'));
    expect(shown).toContain(Buffer.from(outside.rootPem).toString('base64'));
  });

  test.each<[string, string | undefined, Partial<Proxy>]>([
    ['on the plaintext port', undefined, {}],
    ['with the identity of another account', 'spiffe://cluster.local/ns/edge/sa/other', {}],
    ['at an address where no workload is known', identity, { addresses: ['10.1.0.9'] }],
    ['with labels of its own making', identity, { addresses: ['10.1.0.2'] }],
    ['of another cluster', identity, { clusterId: 'cluster-2' as Proxy['clusterId'] }],
    ['of another type', identity, { type: 'sidecar' }],
  ])('is given nothing %s', (_what, who, changes) => {
    const plain = { ...workload, labels: { app: 'other' } };
    const { tell, hold, proxy } = scene(gateway(['a']), [
      ['10.1.0.1', workload],
      ['10.1.0.2', plain],
    ]);
    const held = hold(who, proxy(changes));
    tell({ kind: 'changed', object: secret('a', tls(first)) });
    expect(names(held)).toEqual([]);
  });

  test('of another namespace is not given a Secret of this one', () => {
    const other = { ...workload, identity: { ...workload.identity, namespace: 'other' } };
    const { tell, hold, proxy } = scene(gateway(['a']), [['10.2.0.1', other]]);
    const elsewhere = proxy({ namespace: 'other', addresses: ['10.2.0.1'] });
    const held = hold('spiffe://cluster.local/ns/other/sa/ingress', elsewhere);
    tell({ kind: 'changed', object: secret('a', tls(first)) });
    expect(names(held)).toEqual([]);
  });

  test('is told when its Secret changes, and others are not', () => {
    const { tell, hold, told } = scene(gateway(['a', 'b']));
    const held = hold(identity);
    tell({ kind: 'changed', object: secret('a', tls(first)) }, { kind: 'changed', object: secret('b', tls(first)) });
    const before = new Set(resourcesOf(held?.snapshot() ?? { parts: [] }));
    told.length = 0;
    tell({ kind: 'changed', object: secret('a', tls(second)) });
    tell({ kind: 'changed', object: secret('a', { ...tls(second), note: 'nothing reads this' }) });
    const after = [...resourcesOf(held?.snapshot() ?? { parts: [] })];
    expect(told).toEqual(['it']);
    expect(after.filter((resource) => !before.has(resource)).map(({ name }) => name)).toEqual(['kubernetes://a']);
  });

  test('leaves nothing followed behind', () => {
    const { hold, credentials } = scene(gateway(['a']));
    const held = hold(identity);
    expect(credentials.followed()).toEqual(['edge/a']);
    held?.release();
    expect(credentials.followed()).toEqual([]);
  });
});

describe('a Secret', () => {
  test.each<[string, () => Readonly<Record<string, string>>, string]>([
    ['without a key', () => ({ 'tls.crt': first.certificatePem }), 'has no tls.crt and tls.key'],
    ['that is not PEM', () => ({ 'tls.crt': 'x', 'tls.key': first.keyPem }), 'has no PEM certificates in tls.crt'],
    ['with a key that is not PEM', () => ({ cert: first.certificatePem, key: 'x' }), 'has no PEM private key in key'],
    [
      'whose key is that of another',
      () => ({ 'tls.crt': first.certificatePem, 'tls.key': second.keyPem }),
      'that does not fit',
    ],
  ])('%s is a finding, and the last good one stays', (_what, data, words) => {
    const { tell, hold, credentials } = scene(gateway(['a']));
    const held = hold(identity);
    tell({ kind: 'changed', object: secret('a', tls(first)) });
    const before = held?.snapshot();
    tell({ kind: 'changed', object: secret('a', data()) });
    expect(held?.snapshot()).toBe(before);
    expect(credentials.problems()).toEqual([
      expect.objectContaining({
        code: 'invalid-secret',
        object: 'Gateway/edge/public',
        field: 'spec.servers[0].tls.credentialName',
        message: expect.stringContaining(words) as unknown,
      }),
    ]);
    expect(JSON.stringify(credentials.problems())).not.toContain('BEGIN');
  });

  test('that is gone is a finding that says that its content stays in use', () => {
    const { tell, hold, credentials } = scene(gateway(['a']));
    const held = hold(identity);
    expect(credentials.problems()).toMatchObject([{ code: 'missing-secret' }]);
    tell({ kind: 'changed', object: secret('a', tls(first)) });
    expect(credentials.problems()).toEqual([]);
    tell({ kind: 'deleted', key: objectKey('Secret', 'edge', 'a') });
    expect(names(held)).toEqual(['kubernetes://a']);
    expect(credentials.problems()[0]?.message).toContain('its last good content stays in use');
  });

  test('that has expired is a finding', () => {
    const { tell, hold, credentials, at } = scene(gateway(['a']));
    hold(identity);
    tell({ kind: 'changed', object: secret('a', tls(first)) });
    expect(credentials.problems()).toEqual([]);
    at(Date.now() + 31 * 86_400_000);
    expect(credentials.problems()).toMatchObject([{ code: 'expired-secret' }]);
  });

  test('for a proxy that is not who the Gateway selects is a finding', () => {
    const { hold, credentials, proxy } = scene(gateway(['a']), []);
    hold(identity, proxy());
    expect(credentials.problems()).toMatchObject([{ code: 'credential-refused', object: 'Gateway/edge/public' }]);
  });
});
