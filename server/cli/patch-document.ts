// A JSON patch applied to a part of a YAML document in place, so that comments and the order of what stays are kept.

import { isSeq, type Document } from 'yaml';
import type { PatchOperation } from '../inject/json-patch.ts';

type Path = readonly (string | number)[];

/** `base` is where in the document the patched value is. */
export function patchDocument(document: Document, base: Path, operations: readonly PatchOperation[]): void {
  for (const operation of operations) {
    const path = pathOf(document, base, operation.path);
    if (operation.op === 'remove') {
      document.deleteIn(path);
      continue;
    }
    const node = document.createNode(operation.value, { aliasDuplicateObjects: false });
    if (path.at(-1) === '-') document.addIn(path.slice(0, -1), node);
    else document.setIn(path, node);
  }
}

/** A number is a place in a list, and a key in a mapping. */
function pathOf(document: Document, base: Path, pointer: string): Path {
  const path = [...base];
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const holder: unknown = document.getIn(path, true);
    path.push(isSeq(holder) && key !== '-' ? Number(key) : key);
  }
  return path;
}
