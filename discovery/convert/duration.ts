// Durations as Istio writes them: `5s`, `1.5s`, `1m30s`. In: a field. Out: milliseconds.

import { show, type FieldReader } from './field-reader.ts';

const unitMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 0.000_001,
};

/** Milliseconds of `5s`, `1.5s`, `1m30s`; undefined when absent or, after reporting, when not a duration of at least `minMs`. */
export function readDuration(reader: FieldReader, name: string, minMs: number): number | undefined {
  const text = reader.string(name);
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= minMs) return ms;
  const wanted = ms === undefined ? 'a duration such as "5s" or "1.5s"' : `at least ${minMs} ms`;
  reader.findings.error('invalid-duration', reader.at(name), `${show(text)} is not ${wanted}: correct it`);
  return undefined;
}

export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(h|ms|m|s|us|µs|ns))+$/.test(text)) return text === '0' ? 0 : undefined;
  let total = 0;
  for (const [, number = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)) {
    total += Number(number) * (unitMs[unit] ?? 0);
  }
  return Math.round(total);
}
