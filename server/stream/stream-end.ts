// Why a stream ends, in words that the service file translates to a gRPC status.

import type { Refusal } from './snapshot-source.ts';

export type StreamEndCode = 'OK' | 'CANCELLED' | 'DEADLINE_EXCEEDED' | Refusal['code'];

export interface StreamEnd {
  readonly code: StreamEndCode;
  readonly message: string;
}
