// What a worker has used: its answer to every question, so that an answer is also a sign of life.

import { FieldReader, FieldWriter } from './fields.ts';

export interface WorkerUsage {
  /** Processor time since its start, of all threads. */
  readonly cpuMs: number;
  readonly residentBytes: number;
  /** Of streams, not yet read by the main process. */
  readonly queuedBytes: number;
}

export const noUsage: WorkerUsage = Object.freeze({ cpuMs: 0, residentBytes: 0, queuedBytes: 0 });

export function encodeUsage({ cpuMs, residentBytes, queuedBytes }: WorkerUsage): Uint8Array {
  return new FieldWriter().number(cpuMs).number(residentBytes).number(queuedBytes).finish();
}

/** @throws RangeError */
export function decodeUsage(body: Buffer): WorkerUsage {
  const fields = new FieldReader(body);
  return { cpuMs: fields.number(), residentBytes: fields.number(), queuedBytes: fields.number() };
}
