// Builds DER nodes: plain values in, nodes out. Nothing here can fail except on a programming error.
import forge from 'node-forge';
import { encodeDer, type DerNode } from './der.ts';

const { Class, Type } = forge.asn1;

export function sequence(...children: DerNode[]): DerNode {
  return forge.asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, children);
}

export function set(...children: DerNode[]): DerNode {
  return forge.asn1.create(Class.UNIVERSAL, Type.SET, true, children);
}

/** `[tag] EXPLICIT`, around its children. */
export function explicit(tag: number, ...children: DerNode[]): DerNode {
  return forge.asn1.create(Class.CONTEXT_SPECIFIC, tag, true, children);
}

/** `[tag] IMPLICIT`, of a primitive type with this content. */
export function implicit(tag: number, content: Uint8Array): DerNode {
  return forge.asn1.create(Class.CONTEXT_SPECIFIC, tag, false, binary(content));
}

export function objectId(dotted: string): DerNode {
  return primitive(Type.OID, forge.asn1.oidToDer(dotted).getBytes());
}

/** A non-negative INTEGER from its big-endian bytes; leading zeros are dropped, a sign byte is added where needed. */
export function unsignedInteger(bigEndian: Uint8Array): DerNode {
  const firstUsed = bigEndian.findIndex((byte) => byte !== 0);
  const bytes = firstUsed === -1 ? Uint8Array.of(0) : bigEndian.subarray(firstUsed);
  const sign = (bytes[0] ?? 0) > 0x7f ? '\0' : '';
  return primitive(Type.INTEGER, sign + binary(bytes));
}

export function smallInteger(value: number): DerNode {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return unsignedInteger(bytes);
}

export function boolean(value: boolean): DerNode {
  return primitive(Type.BOOLEAN, value ? '\xff' : '\0');
}

export function nullValue(): DerNode {
  return primitive(Type.NULL, '');
}

export function octetString(bytes: Uint8Array): DerNode {
  return primitive(Type.OCTETSTRING, binary(bytes));
}

/** An OCTET STRING that holds the DER of another value, as extensions do. */
export function octetStringOf(node: DerNode): DerNode {
  return octetString(encodeDer(node));
}

/** A BIT STRING of whole bytes, or with the last `unusedBits` bits left out. */
export function bitString(bytes: Uint8Array, unusedBits = 0): DerNode {
  return primitive(Type.BITSTRING, String.fromCharCode(unusedBits) + binary(bytes));
}

export function utf8String(text: string): DerNode {
  return primitive(Type.UTF8, binary(Buffer.from(text, 'utf8')));
}

/** RFC 5280, 4.1.2.5: UTCTime through the year 2049, GeneralizedTime after; seconds, no fraction. */
export function time(ms: number): DerNode {
  const date = new Date(ms);
  return date.getUTCFullYear() < 2050
    ? primitive(Type.UTCTIME, forge.asn1.dateToUtcTime(date))
    : primitive(Type.GENERALIZEDTIME, forge.asn1.dateToGeneralizedTime(date));
}

function primitive(type: forge.asn1.Type, content: string): DerNode {
  return forge.asn1.create(Class.UNIVERSAL, type, false, content);
}

function binary(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
