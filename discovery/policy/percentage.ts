// Shares of requests: `percentage: {value: 0.5}`, and the whole numbers of older manifests (`percent: 5`).

import { show, type FieldReader } from '../convert/field-reader.ts';

/** From 0 to 100; undefined when neither field is there. The older field counts when the newer is absent. */
export function readPercentage(reader: FieldReader, name: string, ...older: readonly string[]): number | undefined {
  const percentage = reader.object(name);
  const value = percentage === undefined ? undefined : (readValue(percentage) ?? 0);
  percentage?.end();
  return older.reduce((found, field) => found ?? reader.integer(field, 0, 100), value);
}

function readValue(reader: FieldReader): number | undefined {
  const value = reader.raw('value');
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= 0 && value <= 100) return value;
  const message = `${show(value)} is not a number from 0 to 100: correct it`;
  reader.findings.error('out-of-range', reader.at('value'), message);
  return undefined;
}
