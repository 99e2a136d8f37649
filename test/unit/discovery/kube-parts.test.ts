// The pure parts of the API server source: lines, feeds, the table of kinds, interning, pauses.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backOffMs } from '../../../discovery/source/kube/back-off.ts';
import { describeFeed, feedPath, planFeeds, type Feed } from '../../../discovery/source/kube/feeds.ts';
import { Interner } from '../../../discovery/source/kube/intern.ts';
import { kubeKinds } from '../../../discovery/source/kube/kube-kinds.ts';
import { statusError } from '../../../discovery/source/kube/kube-error.ts';
import { LineSplitter, type StreamLine } from '../../../discovery/source/kube/line-splitter.ts';
import { parseWatchEvent } from '../../../discovery/source/kube/watch-event.ts';
import { judgeKind } from '../../../discovery/source/object-kinds.ts';

/** The lines of the bytes, which come in pieces of these sizes in turn. */
function linesOf(bytes: Uint8Array, sizes: readonly number[], maxLineBytes: number): readonly StreamLine[] {
  const lines: StreamLine[] = [];
  const splitter = new LineSplitter({ maxLineBytes, onLine: (line) => lines.push(line) });
  let from = 0;
  for (let index = 0; from < bytes.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    splitter.push(bytes.subarray(from, from + size));
    from += size;
  }
  splitter.end();
  return lines;
}

describe('lines of a stream', () => {
  it('are the same however the bytes are cut', () => {
    const line = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
      .filter((text) => text.trim() !== '' && !text.includes('\n'));
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(line), sizes, (lines, cuts) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        expect(linesOf(bytes, cuts, 1_000)).toEqual(
          lines.map((text) => ({ kind: 'line', text: Buffer.from(text).toString() })),
        );
      }),
    );
  });

  it('that are too long are passed over with their beginning, whatever their length, and the next one is read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 101, max: 50_000 }), fc.integer({ min: 1, max: 9_000 }), (length, cut) => {
        const bytes = Buffer.from(`{"name":"x"${'y'.repeat(length)}\nnext\n`);
        const read = linesOf(bytes, [cut], 100);
        expect(read).toHaveLength(2);
        expect(read[0]).toMatchObject({ kind: 'oversized', beginning: expect.stringMatching(/^\{"name":"x"/) });
        expect((read[0] as { beginning: string }).beginning.length).toBeLessThanOrEqual(4_096);
        expect(read[1]).toEqual({ kind: 'line', text: 'next' });
      }),
    );
  });

  it('that end in the middle are an error', () => {
    const lines: StreamLine[] = [];
    const splitter = new LineSplitter({ maxLineBytes: 100, onLine: (line) => lines.push(line) });
    splitter.push(Buffer.from('one\ntw'));
    expect(lines).toEqual([{ kind: 'line', text: 'one' }]);
    expect(() => splitter.end()).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it('are events or errors, never a crash', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.object().map((value) => JSON.stringify({ type: 'ADDED', object: value })),
        ),
        (text) => {
          expect(['changed', 'deleted', 'bookmark', 'error']).toContain(parseWatchEvent(text).type);
        },
      ),
    );
  });
});

describe('the table of kinds', () => {
  it.each(kubeKinds)('has only kinds and versions that can be read: $kind', ({ kind, group, versions }) => {
    for (const version of versions) {
      const apiVersion = group === '' ? version : `${group}/${version}`;
      expect(judgeKind(apiVersion, kind, 'primary').verdict).toBe('read');
    }
  });

  it('has nothing for a remote cluster but services, endpoints, where they are, and gateways', () => {
    const remote = kubeKinds.filter(({ scopes }) => scopes.includes('discovery-only')).map(({ plural }) => plural);
    expect(remote.toSorted()).toEqual(['endpointslices', 'gateways', 'namespaces', 'nodes', 'pods', 'services']);
  });

  it('requires of a cluster only namespaces, services and endpoint slices', () => {
    const required = kubeKinds.filter(({ required }) => required).map(({ plural }) => plural);
    expect(required.toSorted()).toEqual(['endpointslices', 'namespaces', 'services']);
  });
});

describe('feeds', () => {
  const of = (feeds: readonly Feed[], kind: string): string[] =>
    feeds.filter((feed) => feed.kind.kind === kind).map(describeFeed);

  it('are one a kind for a whole cluster', () => {
    const feeds = planFeeds('discovery-only', 'istio-system');
    expect(feeds.map((feed) => feedPath(feed, 'v1'))).toEqual([
      '/api/v1/namespaces',
      '/api/v1/nodes',
      '/api/v1/services',
      '/apis/discovery.k8s.io/v1/endpointslices',
      '/api/v1/pods',
      '/apis/gateway.networking.k8s.io/v1/gateways',
    ]);
  });

  it('that are narrowed to namespaces include the gateways of the system namespace', () => {
    const feeds = planFeeds('discovery-only', 'istio-system', { namespaces: ['b', 'a'] });
    expect(of(feeds, 'Service')).toEqual([
      'services in namespace a',
      'services in namespace b',
      'services in namespace istio-system with labels topology.istio.io/network',
    ]);
    expect(of(feeds, 'Namespace')).toEqual(
      ['a', 'b', 'istio-system'].map((name) => `namespaces with metadata.name=${name}`),
    );
    expect(of(feeds, 'Pod').every((feed) => feed.includes('in namespace'))).toBe(true);
    expect(of(feeds, 'Node')).toEqual(['nodes']);
    expect(of(feeds, 'Gateway')).toEqual(
      ['a', 'b', 'istio-system'].map(
        (name) => `gateways.gateway.networking.k8s.io in namespace ${name} with labels topology.istio.io/network`,
      ),
    );
  });

  it('that are narrowed to labels include the gateways of networks, and none twice', () => {
    const feeds = planFeeds('discovery-only', 'istio-system', { labelSelector: 'team=red' });
    expect(of(feeds, 'Service')).toEqual([
      'services with labels team=red,!topology.istio.io/network',
      'services with labels topology.istio.io/network',
    ]);
    expect(of(feeds, 'Pod')).toHaveLength(1);
  });

  it('of the system namespace are not doubled when it is chosen itself', () => {
    const feeds = planFeeds('discovery-only', 'istio-system', { namespaces: ['istio-system'] });
    expect(of(feeds, 'Service')).toEqual(['services in namespace istio-system']);
  });
});

describe('interning', () => {
  it('gives equal strings for equal strings and holds no more than its bound', () => {
    const interner = new Interner(10);
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(interner.intern(text)).toBe(text);
        expect(interner.size).toBeLessThanOrEqual(10);
      }),
    );
  });
});

describe('a pause after failures', () => {
  it('is never zero, never above its bound, and spread over half of it', () => {
    const backOff = { firstMs: 200, longestMs: 30_000 };
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (failures, random) => {
          const ms = backOffMs(backOff, failures, () => random);
          expect(ms).toBeGreaterThanOrEqual(100);
          expect(ms).toBeLessThanOrEqual(30_000);
        },
      ),
    );
  });
});

describe('an answer', () => {
  it.each([
    [401, '', 'unauthorized'],
    [403, '', 'forbidden'],
    [404, '', 'absent'],
    [410, '', 'expired'],
    [429, '', 'throttled'],
    [500, '', 'server'],
    [504, 'Timeout: Too large resource version: 9, current: 3', 'expired'],
    [422, 'sendInitialEvents is forbidden for watch unless …', 'unsupported'],
    [422, 'something else', 'server'],
    [302, '', 'server'],
  ])('of %i (%s) means %s', (status, message, code) => {
    expect(statusError(status, message).code).toBe(code);
  });
});
