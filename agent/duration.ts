// Durations as people write them in options: `500ms`, `5s`, `10m`, `24h`. In: text. Out: milliseconds, or an AgentError.

import { AgentError } from './agent-error.ts';

const unitMs: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/** Throws AgentError `invalid-options` that names the option. */
export function parseDurationMs(option: string, text: string): number {
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text.trim()) ?? [];
  const factor = unitMs.get(unit);
  if (count === undefined || factor === undefined) {
    throw new AgentError('invalid-options', `${option}: "${text}" is not a duration like 500ms, 5s, 10m or 24h`);
  }
  return Number(count) * factor;
}
