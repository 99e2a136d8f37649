// How many proxies an instance has, and who is one too many.

import { expect, test } from 'vitest';
import { ProxyLimit } from '../../../server/admission/proxy-limit.ts';
import type { OpenedNode, Refusal, StreamOpening } from '../../../server/stream/snapshot-source.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { MemorySnapshotSource } from '../../support/memory-snapshot-source.ts';

const full = {
  kind: 'refused',
  code: 'RESOURCE_EXHAUSTED',
  message: 'this instance serves 1 proxies, as many as it may (--max-proxies); connect to another one',
};

function aStream(
  id: string,
  {
    typeUrl = typeUrls.cluster,
    clusterId = 'cluster-1',
  }: { readonly typeUrl?: string; readonly clusterId?: string } = {},
): StreamOpening {
  return {
    node: { id, metadata: { fields: { CLUSTER_ID: { stringValue: clusterId } } } },
    peer: { address: '10.0.0.1:1', authenticated: false },
    variant: 'delta',
    typeUrl,
  };
}

function limit(max: number) {
  const source = new MemorySnapshotSource();
  const limited = new ProxyLimit(source, max);
  const open = (...stream: Parameters<typeof aStream>) => limited.open(aStream(...stream), () => undefined);
  return { source, limited, open };
}

function close(opened: OpenedNode | Refusal): void {
  if (opened.kind === 'refused') throw new Error(opened.message);
  opened.close();
}

test('one proxy too many is refused with a sentence, and there is room again when one has left', () => {
  const { source, limited, open } = limit(1);
  const first = open('a');
  expect(open('b')).toEqual(full);
  expect(source.openings).toHaveLength(1);
  close(first);
  expect(source.listeners.size).toBe(0);
  expect(limited.connected).toBe(0);
  expect(open('b').kind).toBe('opened');
  expect(limited.connected).toBe(1);
});

test('a proxy that comes back while its old stream lingers is not refused, and is there until its last stream ends', () => {
  const { limited, open } = limit(1);
  const old = open('a');
  const second = open('a');
  const third = open('a', { typeUrl: typeUrls.listener });
  expect(limited.connected).toBe(1);
  close(old);
  close(third);
  expect(limited.connected).toBe(1);
  expect(open('b')).toEqual(full);
  close(second);
  expect(limited.connected).toBe(0);
});

test.each(['nameTable', 'proxyConfig', 'healthInformation'] as const)(
  'a stream that an agent begins with its %s is no proxy, whether its Envoy comes here or not',
  (name) => {
    const { limited, open } = limit(1);
    const before = open('a', { typeUrl: typeUrls[name] });
    expect(limited.connected).toBe(0);
    const envoy = open('a');
    expect(limited.connected).toBe(1);
    const elsewhere = open('b', { typeUrl: typeUrls[name] });
    expect([before.kind, envoy.kind, elsewhere.kind]).toEqual(['opened', 'opened', 'opened']);
    close(before);
    close(elsewhere);
    expect(limited.connected).toBe(1);
  },
);

test('pods of one name and address in two clusters are two proxies', () => {
  const { limited, open } = limit(0);
  open('a', { clusterId: 'cluster-1' });
  const other = open('a', { clusterId: 'cluster-2' });
  expect(limited.connected).toBe(2);
  close(other);
  expect(limited.connected).toBe(1);
});

test('whom the mesh refuses is not counted', () => {
  const { source, limited, open } = limit(1);
  const refusal = { kind: 'refused', code: 'PERMISSION_DENIED', message: 'another namespace' } as const;
  source.refusal = refusal;
  expect(open('a')).toBe(refusal);
  expect(limited.connected).toBe(0);
});
