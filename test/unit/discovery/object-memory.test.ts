// Objects are packed between other work, never while they are told, and what waits is bounded.

import { setImmediate as nextTurn } from 'node:timers/promises';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { keyOf } from '../../../discovery/model/kubernetes-object.ts';
import { ObjectMemory } from '../../../discovery/source/remembered/object-memory.ts';
import { unpackLine } from '../../../discovery/source/remembered/packed-lines.ts';
import { objectOf, serviceManifest } from '../../support/kube-objects.ts';

const service = (name: string, port = 80) =>
  objectOf(serviceManifest(name, { ports: [{ name: 'http', port, protocol: 'TCP' }] }));

/** As when the process ends: without a rest. */
const hurry = AbortSignal.abort();

const linesOf = (memory: ObjectMemory): readonly string[] => {
  const { dictionaries, lines } = memory.content();
  return lines.map(({ kind, text }) => unpackLine(Buffer.from(text, 'latin1'), dictionaries.get(kind)) ?? 'damaged');
};

it('packs nothing while it is told', async () => {
  const memory = new ObjectMemory();
  expect(memory.note(service('one'))).toBe(false);
  expect(memory.isWaiting).toBe(true);
  expect(linesOf(memory)).toEqual([]);
  expect(await memory.packWaiting(hurry)).toBe(true);
  expect(memory.isWaiting).toBe(false);
  expect(linesOf(memory)).toEqual([expect.stringContaining('"one"')]);
});

it('packs an object that changed often once, and one that is as before changes nothing', async () => {
  const memory = new ObjectMemory();
  for (const port of [80, 81, 82]) memory.note(service('one', port));
  expect(await memory.packWaiting(hurry)).toBe(true);
  expect(linesOf(memory)).toEqual([expect.stringContaining('82')]);
  memory.note(service('one', 82));
  expect(await memory.packWaiting(hurry)).toBe(false);
});

it('forgets what still waits', async () => {
  const memory = new ObjectMemory();
  memory.note(service('one'));
  expect(memory.forget(keyOf(service('one')))).toBe(false);
  expect(await memory.packWaiting(hurry)).toBe(false);
  expect(linesOf(memory)).toEqual([]);
});

it('lets other work run in between, and leaves what that work notes for the next time', async () => {
  const memory = new ObjectMemory();
  for (let index = 0; index < 30; index += 1) memory.note(service(`service-${index}`));
  const packing = memory.packWaiting(new AbortController().signal);
  await nextTurn();
  expect(linesOf(memory).length).toBeLessThan(30);
  memory.note(service('later'));
  expect(await packing).toBe(true);
  expect(linesOf(memory)).toHaveLength(30);
  expect(memory.isWaiting).toBe(true);
  await memory.packWaiting(hurry);
  expect(linesOf(memory)).toHaveLength(31);
});

it('packs at once what would be one too many to wait', async () => {
  const memory = new ObjectMemory();
  for (let index = 0; index < 4_096; index += 1) expect(memory.note(service(`service-${index}`))).toBe(false);
  expect(memory.note(service('service-7', 81))).toBe(false);
  expect(memory.note(service('one-more'))).toBe(true);
  expect(linesOf(memory)).toEqual([expect.stringContaining('"one-more"')]);
  await memory.packWaiting(hurry);
  expect(linesOf(memory)).toHaveLength(4_097);
});

it('holds what was told last, whatever came between', async () => {
  const anyStep = fc.record({ name: fc.constantFrom('a', 'b', 'c'), port: fc.option(fc.integer({ min: 1, max: 3 })) });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(anyStep, { maxLength: 6 }), { maxLength: 4 }), async (batches) => {
      const memory = new ObjectMemory();
      const told = new Map<string, number>();
      for (const batch of batches) {
        for (const { name, port } of batch) {
          if (port === null) memory.forget(keyOf(service(name)));
          else memory.note(service(name, port));
          if (port === null) told.delete(name);
          else told.set(name, port);
        }
        const before = linesOf(memory);
        const changed = await memory.packWaiting(hurry);
        const after = linesOf(memory);
        expect(changed).toBe(JSON.stringify(before) !== JSON.stringify(after));
      }
      const kept = linesOf(memory).map((line) => String(/"name":"(\w)".*"port":(\d)/.exec(line)?.slice(1).join(' ')));
      expect(kept.toSorted()).toEqual(Array.from(told, (entry) => entry.join(' ')).toSorted());
    }),
    { numRuns: 50 },
  );
});
