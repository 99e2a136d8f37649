// DER in and out: bytes to a tree of nodes and back. A tree that would not give the same bytes again (BER lengths,
// padded integers, trailing bytes) is refused, so a part that is encoded again equals the bytes that were signed.
import forge from 'node-forge';

export type DerNode = forge.asn1.Asn1;

/** Thrown by everything in this folder when bytes are not the DER that was expected; callers turn it into a value. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

// A certificate nests about ten deep; more is an attack on the stack.
const maxDepth = 24;

/** Parses exactly one DER value. Throws DerError. */
export function parseDer(bytes: Uint8Array): DerNode {
  const input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  let node: DerNode;
  let again: string;
  try {
    node = forge.asn1.fromDer(input, { strict: true, parseAllBytes: true, decodeBitStrings: false, maxDepth });
    again = forge.asn1.toDer(node).getBytes();
  } catch (error) {
    throw new DerError('the bytes are not DER', { cause: error });
  }
  if (again !== input) throw new DerError('the bytes are BER, but not DER');
  return node;
}

/** The DER bytes of a node. */
export function encodeDer(node: DerNode): Buffer {
  return Buffer.from(forge.asn1.toDer(node).getBytes(), 'latin1');
}
