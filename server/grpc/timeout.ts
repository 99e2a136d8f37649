// The header `grpc-timeout`: how long a client waits for its call.

const unitMs = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 } as const;

/** setTimeout takes no more; a longer timeout is none. */
const maxTimerMs = 2 ** 31 - 1;

/** Milliseconds; undefined without a timeout (or one beyond all patience); `malformed` for what is no timeout. */
export function parseTimeoutMs(header: string | undefined): number | 'malformed' | undefined {
  if (header === undefined) return undefined;
  const match = /^(\d{1,8})([HMSmun])$/.exec(header);
  const unit = match?.[2];
  if (!isUnit(unit)) return 'malformed';
  const ms = Number(match?.[1]) * unitMs[unit];
  return ms > maxTimerMs ? undefined : ms;
}

function isUnit(text: string | undefined): text is keyof typeof unitMs {
  return text !== undefined && text in unitMs;
}
