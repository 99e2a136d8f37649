// Structured log of an instance: one JSON line an event on standard error.

import { destination, pino, type Logger } from 'pino';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

export function createLog(level: string): Log {
  return pino(
    { base: null, level, timestamp: () => `,"time":"${new Date().toISOString()}"`, errorKey: 'error' },
    destination({ dest: 2, sync: true }),
  );
}
