// How large the pieces are that Node cuts small buffers out of. A piece lives as long as any part of it, and in the 64 KiB that Node
// takes there is nearly always a part that outlives the rest by seconds: what such pieces add up to brings full collections.

const pieceBytes = 8 * 1024;

/** For the whole process, from the next piece on. */
export function useSmallBufferPool(): void {
  Buffer.poolSize = pieceBytes;
}
