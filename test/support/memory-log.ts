// A log that tests read: the real logger, writing into a list.

import pino from 'pino';
import type { Logger } from 'pino';

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string; readonly level: number };

export function memoryLog(): { readonly log: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line) as LogLine);
  return { log: pino({ level: 'debug' }, { write }), lines };
}
