// Arbitrary objects of every kind: the least that is valid, with some fields set to what may or may not be right for them.

import * as fc from 'fast-check';
import type { Manifest } from '../kube-objects.ts';
import type { CrdField, CrdKind } from './crd-fields.ts';
import { putField } from './put-field.ts';
import { skeletonsOf } from './skeletons.ts';

const texts = [
  'text',
  'store',
  'store.default.svc.cluster.local',
  '*.example.com',
  '*',
  './*',
  '1s',
  '10.0.0.0/8',
  '192.0.2.1',
  '2001:db8::1',
  '80',
  'v1',
  '/path',
  '(a|b)+',
  '\\',
  'mesh',
  'default/one',
  'x'.repeat(300),
  'ü ',
  '',
];

/** Of the right type mostly, and of any now and then. */
function anyValue({ sample, values }: CrdField): fc.Arbitrary<unknown> {
  const wrong = fc.oneof(fc.constantFrom(null, [], {}, -1, 1e99, true, ''), fc.jsonValue({ maxDepth: 2 }));
  const right =
    values !== undefined
      ? fc.constantFrom(...values)
      : typeof sample === 'number'
        ? fc.constantFrom(0, 1, 2, 80, 100, 503, 65_536)
        : typeof sample === 'boolean'
          ? fc.boolean()
          : typeof sample === 'string'
            ? fc.constantFrom(...texts)
            : fc.constant(sample);
  return fc.oneof({ weight: 8, arbitrary: right }, { weight: 1, arbitrary: wrong });
}

export function anyObject(kinds: readonly CrdKind[]): fc.Arbitrary<Manifest> {
  return fc.constantFrom(...kinds).chain((kind) => {
    const anyField = fc
      .constantFrom(...kind.fields)
      .chain((field) => anyValue(field).map((value) => [field.path, value] as const));
    return fc
      .tuple(fc.constantFrom(...skeletonsOf(kind.kind)), fc.array(anyField, { maxLength: 3 }))
      .map(([skeleton, fields]) => {
        const spec = structuredClone(skeleton) as Record<string, unknown>;
        for (const [path, value] of fields) putField(spec, path, structuredClone(value));
        return { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name: 'one', namespace: 'default' }, spec };
      });
  });
}
