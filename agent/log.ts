// What the agent's parts log through: one structured line on standard error for each event. `cli/agent.ts` makes it.

import type { Logger } from 'pino';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;
