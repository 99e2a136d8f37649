import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  resourceName,
  resourceVersion,
  type EncodedResource,
  type ResourceName,
} from '../../../server/cache/encoded-resource.ts';
import {
  changedNames,
  emptyResourceSet,
  emptyTypeSnapshot,
  lookUp,
  resourcesOf,
  sizeOf,
  type ResourceSet,
  type TypeSnapshot,
} from '../../../server/cache/type-snapshot.ts';

const bytes = new Uint8Array();

function resource(name: ResourceName, version: string): EncodedResource {
  const frames = { anyFrame: bytes, deltaFrame: bytes, body: bytes, sources: [] };
  return { typeUrl: 't', name, version: resourceVersion(version), ...frames };
}

/** Name to version. */
function setOf(versions: Readonly<Record<string, string>>, base: ResourceSet = emptyResourceSet): ResourceSet {
  const entries = Object.entries(versions).map(([name, version]) => [resourceName(name), version] as const);
  return base.with(entries.map(([name, version]) => [name, resource(name, version)] as const));
}

describe('a snapshot of two parts', () => {
  const outbound = setOf({ a: '1', b: '1' });
  const inbound = setOf({ i: '1' });
  const snapshot: TypeSnapshot = { parts: [outbound, inbound] };

  test('has the resources of both', () => {
    expect(sizeOf(snapshot)).toBe(3);
    expect([...resourcesOf(snapshot)].map((found) => found.name).toSorted()).toEqual(['a', 'b', 'i']);
    expect(lookUp(snapshot, resourceName('i'))?.version).toBe('1');
    expect(lookUp(snapshot, resourceName('x'))).toBeUndefined();
  });

  test('differs from an earlier one by what changed, appeared or went', () => {
    const later = { parts: [setOf({ a: '2', c: '1' }, outbound.with([[resourceName('b'), undefined]])), inbound] };
    expect([...changedNames(snapshot, later)].toSorted()).toEqual(['a', 'b', 'c']);
  });

  test('differs in nothing when a resource moves to another part, or is made again with the same version', () => {
    expect(changedNames(snapshot, { parts: [setOf({ a: '1', b: '1', i: '1' })] }).size).toBe(0);
  });
});

test('the difference of any two snapshots is the difference of their versions', () => {
  const versions = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), fc.constantFrom('1', '2'));
  fc.assert(
    fc.property(versions, versions, fc.boolean(), (first, second, splits) => {
      const before: TypeSnapshot = { parts: [setOf(first)] };
      const { a, ...rest } = second;
      const after: TypeSnapshot = {
        parts: splits ? [setOf(rest), setOf(a === undefined ? {} : { a })] : [setOf(second)],
      };
      const names = new Set([...Object.keys(first), ...Object.keys(second)]);
      const expected = [...names].filter((name) => first[name] !== second[name]);
      expect([...changedNames(before, after)].toSorted()).toEqual(expected.toSorted());
      expect(Object.fromEntries([...resourcesOf(after)].map(({ name, version }) => [name, version]))).toEqual({
        ...second,
      });
    }),
  );
});

test('everything in a snapshot differs from none', () => {
  expect([...changedNames(emptyTypeSnapshot, { parts: [setOf({ a: '1' })] })]).toEqual(['a']);
});
