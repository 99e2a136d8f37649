// Where an object is visible: `.` (its own namespace), `*` (everywhere), `~` (nowhere) or namespaces. In: the field or the
// annotation's comma-separated text. Out: a sorted list; empty: as MeshConfig has it for the kind.

import { show } from './field-reader.ts';
import type { Findings } from './findings.ts';

/** From the annotation `networking.istio.io/exportTo` of a Service. */
export function readExportTo(annotationText: string | undefined, findings: Findings): readonly string[] {
  const texts = (annotationText ?? '').split(',').map((text) => text.trim());
  return checkExportTo(
    texts.filter((text) => text !== ''),
    'metadata.annotations["networking.istio.io/exportTo"]',
    findings,
  );
}

export function checkExportTo(texts: readonly string[], field: string, findings: Findings): readonly string[] {
  for (const text of texts) {
    if (text === '*' || text === '.' || text === '~' || /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text)) continue;
    findings.error(
      'invalid-export',
      field,
      `${show(text)} is neither a namespace nor one of ".", "*" and "~": correct it`,
    );
  }
  return texts.includes('*') ? ['*'] : [...new Set(texts)].toSorted();
}
