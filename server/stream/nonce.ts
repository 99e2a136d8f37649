// The name of a response on one stream, which its answer repeats.

/** Of its number, so that equal responses have equal sizes: more than a stream has in years. */
const digits = 5;

/** `streamId`: unique among the streams of a server. */
export function nonceOf(streamId: string, number: number): string {
  return `${streamId}-${number.toString(36).padStart(digits, '0')}`;
}
