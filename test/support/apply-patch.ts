// Applies a JSON patch (RFC 6902: add, remove, replace) as an API server would. In: a document and operations. Out: another document.

import type { PatchOperation } from '../../server/inject/json-patch.ts';

/** Throws when an operation names what is not there. */
export function applyPatch(document: unknown, operations: readonly PatchOperation[]): unknown {
  let result: unknown = structuredClone(document);
  for (const operation of operations) result = applyOne(result, operation);
  return result;
}

function applyOne(document: unknown, operation: PatchOperation): unknown {
  const keys = operation.path
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop();
  if (last === undefined) return operation.op === 'remove' ? undefined : operation.value;
  const holder = keys.reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], document);
  if (Array.isArray(holder)) {
    const index = last === '-' ? holder.length : Number(last);
    if (operation.op === 'add') holder.splice(index, 0, operation.value);
    else if (operation.op === 'remove') holder.splice(index, 1);
    else holder[index] = operation.value;
    return document;
  }
  const mapping = holder as Record<string, unknown>;
  if (operation.op !== 'add' && !Object.hasOwn(mapping, last)) throw new Error(`nothing is at ${operation.path}`);
  if (operation.op === 'remove') delete mapping[last];
  else mapping[last] = operation.value;
  return document;
}
