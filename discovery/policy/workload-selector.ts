// `spec.selector.matchLabels`: which workloads of its namespace a policy is for. Out: labels; none selects all.

import type { FieldReader } from '../convert/field-reader.ts';

export function readWorkloadSelector(spec: FieldReader): Readonly<Record<string, string>> {
  const reader = spec.object('selector');
  const labels = reader?.stringMap('matchLabels') ?? {};
  for (const [name, value] of Object.entries(labels)) {
    if (!name.includes('*') && !value.includes('*')) continue;
    const field = `${reader?.at('matchLabels') ?? ''}[${JSON.stringify(name)}]`;
    spec.findings.error('invalid-value', field, `${field} has a star, which no label matches: name the label's value`);
  }
  reader?.end();
  return labels;
}
