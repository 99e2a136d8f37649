// Questions on one stream: what is a question, what a receipt, and one answer at a time.

import { expect, test } from 'vitest';
import { ReportDelivery } from '../../../server/stream/report-delivery.ts';
import type { OpenedNode, Question } from '../../../server/stream/snapshot-source.ts';
import { ofSotw } from '../../../server/stream/stream-request.ts';

const typeUrl = 'istio.io/debug';

function scene(report?: OpenedNode['report']): { readonly asked: Question[]; readonly delivery: ReportDelivery } {
  const asked: Question[] = [];
  let nonces = 0;
  const opened: OpenedNode = {
    kind: 'opened',
    nodeId: 'node',
    snapshot: () => undefined,
    acknowledged: () => undefined,
    close: () => undefined,
    report:
      report ??
      ((question) => {
        asked.push(question);
        return { kind: 'report', resources: [] };
      }),
  };
  const nextNonce = (): string => `stream-${(nonces += 1)}`;
  return { asked, delivery: new ReportDelivery({ variant: 'sotw', opened, nextNonce }) };
}

const ask = (name: string, responseNonce = '') => ofSotw({ typeUrl, resourceNames: [name], responseNonce });

test('a question is answered, whatever nonce its first request makes up', () => {
  const { asked, delivery } = scene();
  expect(delivery.answer(typeUrl, ask('mesh', 'made up'))?.kind).toBe('bytes');
  expect(asked).toEqual([{ typeUrl, names: ['mesh'] }]);
});

test('the receipt of an answer is not a question, nor is its rejection', () => {
  const { asked, delivery } = scene();
  delivery.answer(typeUrl, ask('mesh'));
  delivery.flushed();
  expect(delivery.answer(typeUrl, ask('mesh', 'stream-1'))).toBeUndefined();
  const rejection = ofSotw({ typeUrl, responseNonce: 'stream-1', errorDetail: { code: 3, message: 'no' } });
  expect(delivery.answer(typeUrl, rejection)).toBeUndefined();
  expect(asked).toHaveLength(1);
});

test('the same question may be asked again', () => {
  const { asked, delivery } = scene();
  delivery.answer(typeUrl, ask('mesh'));
  delivery.flushed();
  delivery.answer(typeUrl, ask('mesh'));
  expect(asked).toHaveLength(2);
});

test('who does not read an answer gets no other', () => {
  const { delivery } = scene();
  delivery.answer(typeUrl, ask('mesh'));
  expect(delivery.answer(typeUrl, ask('clusterz'))).toMatchObject({ kind: 'refused', code: 'RESOURCE_EXHAUSTED' });
});

test('a refusal of the question is that of the stream', () => {
  const refusal = { kind: 'refused', code: 'PERMISSION_DENIED', message: 'not for you' } as const;
  expect(scene(() => refusal).delivery.answer(typeUrl, ask('mesh'))).toBe(refusal);
});
