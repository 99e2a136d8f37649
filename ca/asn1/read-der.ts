// Reads values out of DER nodes. Every function checks tag and form, names what it expected in its DerError, and
// returns plain values: bytes, numbers, strings, dates as milliseconds.
import forge from 'node-forge';
import { DerError, type DerNode } from './der.ts';

const { Class, Type } = forge.asn1;

/** The children of a SEQUENCE. */
export function sequenceOf(node: DerNode | undefined, what: string): readonly DerNode[] {
  return childrenOf(expect(node, Type.SEQUENCE, what), what);
}

/** The children of a SET. */
export function setOf(node: DerNode | undefined, what: string): readonly DerNode[] {
  return childrenOf(expect(node, Type.SET, what), what);
}

/** The children of a context-specific, constructed value such as `[0]`. */
export function contextOf(node: DerNode | undefined, tag: number, what: string): readonly DerNode[] {
  if (!isContext(node, tag)) throw new DerError(`${what} is missing`);
  return childrenOf(node, what);
}

/** Whether the node is there and has this context-specific tag. */
export function isContext(node: DerNode | undefined, tag: number): node is DerNode {
  if (node?.tagClass !== Class.CONTEXT_SPECIFIC) return false;
  const type: number = node.type;
  return type === tag;
}

/** Whether the node is there and has this universal tag. */
export function isUniversal(node: DerNode | undefined, type: forge.asn1.Type): node is DerNode {
  return node !== undefined && node.tagClass === Class.UNIVERSAL && node.type === type;
}

/** An OBJECT IDENTIFIER as `1.2.840…`. */
export function objectIdOf(node: DerNode | undefined, what: string): string {
  return forge.asn1.derToOid(textOf(expect(node, Type.OID, what), what));
}

/** The two's-complement content of an INTEGER, big-endian. */
export function integerBytesOf(node: DerNode | undefined, what: string): Buffer {
  const bytes = contentOf(expect(node, Type.INTEGER, what), what);
  if (bytes.length === 0) throw new DerError(`${what} is empty`);
  return bytes;
}

/** The content of a non-negative INTEGER without its sign byte, big-endian. */
export function unsignedOf(node: DerNode | undefined, what: string): Buffer {
  const bytes = integerBytesOf(node, what);
  const first = bytes[0] ?? 0;
  if (first > 0x7f) throw new DerError(`${what} is negative`);
  return first === 0 && bytes.length > 1 ? bytes.subarray(1) : bytes;
}

/** A non-negative INTEGER below 2^31. */
export function smallIntegerOf(node: DerNode | undefined, what: string): number {
  const bytes = unsignedOf(node, what);
  if (bytes.length > 4) throw new DerError(`${what} is too large`);
  return bytes.readUIntBE(0, bytes.length);
}

export function booleanOf(node: DerNode | undefined, what: string): boolean {
  const bytes = contentOf(expect(node, Type.BOOLEAN, what), what);
  // X.690 11.1: in DER, TRUE is all ones.
  if (bytes.length !== 1 || (bytes[0] !== 0 && bytes[0] !== 0xff)) throw new DerError(`${what} is not a boolean`);
  return bytes[0] === 0xff;
}

export function octetsOf(node: DerNode | undefined, what: string): Buffer {
  return contentOf(expect(node, Type.OCTETSTRING, what), what);
}

/** The bytes of a BIT STRING that is a whole number of bytes, as keys and signatures are. */
export function wholeBitsOf(node: DerNode | undefined, what: string): Buffer {
  const bytes = contentOf(expect(node, Type.BITSTRING, what), what);
  if (bytes[0] !== 0) throw new DerError(`${what} is not a whole number of bytes`);
  return bytes.subarray(1);
}

/** A UTCTime or GeneralizedTime in UTC as milliseconds since the epoch. */
export function timeOf(node: DerNode | undefined, what: string): number {
  const utc = isUniversal(node, Type.UTCTIME);
  if (!utc && !isUniversal(node, Type.GENERALIZEDTIME)) throw new DerError(`${what} is missing`);
  const text = textOf(node, what);
  const form = utc ? /^\d{12}Z$/ : /^\d{14}Z$/;
  if (!form.test(text)) throw new DerError(`${what} is not a time in UTC`);
  const date = utc ? forge.asn1.utcTimeToDate(text) : forge.asn1.generalizedTimeToDate(text);
  const ms = date.getTime();
  if (Number.isNaN(ms)) throw new DerError(`${what} is not a time`);
  return ms;
}

/** The content of a primitive node as a string of bytes, whatever its tag: for IA5 names under context tags. */
export function textOf(node: DerNode, what: string): string {
  if (typeof node.value !== 'string') throw new DerError(`${what} is constructed`);
  return node.value;
}

function contentOf(node: DerNode, what: string): Buffer {
  return Buffer.from(textOf(node, what), 'latin1');
}

function childrenOf(node: DerNode, what: string): readonly DerNode[] {
  if (typeof node.value === 'string') throw new DerError(`${what} is not constructed`);
  return node.value;
}

function expect(node: DerNode | undefined, type: forge.asn1.Type, what: string): DerNode {
  if (!isUniversal(node, type)) throw new DerError(`${what} is missing`);
  return node;
}
