// The X.509 v3 extensions of this mesh's certificates (RFC 5280, 4.2), each as a DER node.
import type { DerNode } from './asn1/der.ts';
import { oids } from './asn1/object-ids.ts';
import * as der from './asn1/write-der.ts';

/** Bits of KeyUsage by their names in RFC 5280, 4.2.1.3. */
const keyUsageBits = Object.freeze({ digitalSignature: 0, keyEncipherment: 2, keyCertSign: 5, cRLSign: 6 });
export type KeyUsage = keyof typeof keyUsageBits;

/** DNS names, URIs or both; critical when the subject is empty (4.2.1.6). */
export function subjectAltName(names: { uris?: readonly string[]; dnsNames?: readonly string[] }, critical: boolean) {
  const dns = (names.dnsNames ?? []).map((name) => der.implicit(2, Buffer.from(name, 'latin1')));
  const uris = (names.uris ?? []).map((uri) => der.implicit(6, Buffer.from(uri, 'latin1')));
  return extension(oids.subjectAltName, critical, der.sequence(...dns, ...uris));
}

export function keyUsage(...usages: KeyUsage[]): DerNode {
  const bits = usages.reduce((sum, usage) => sum | (0x80 >> keyUsageBits[usage]), 0);
  // X.690 11.2.2: trailing zero bits of a named bit list are left out.
  const unused = bits === 0 ? 0 : 31 - Math.clz32(bits & -bits);
  return extension(oids.keyUsage, true, der.bitString(Uint8Array.of(bits), unused));
}

/** Both ends of a connection: workloads are clients and servers. */
export function serverAndClientAuth(): DerNode {
  return extension(
    oids.extendedKeyUsage,
    false,
    der.sequence(der.objectId(oids.serverAuth), der.objectId(oids.clientAuth)),
  );
}

/** CA:TRUE with an optional path length; 4.2.1.9 wants it critical. */
export function authority(pathLength?: number): DerNode {
  const parts = pathLength === undefined ? [] : [der.smallInteger(pathLength)];
  return extension(oids.basicConstraints, true, der.sequence(der.boolean(true), ...parts));
}

/** CA:FALSE, which DER writes as an empty sequence. */
export function endEntity(): DerNode {
  return extension(oids.basicConstraints, true, der.sequence());
}

export function subjectKeyIdentifier(id: Uint8Array): DerNode {
  return extension(oids.subjectKeyIdentifier, false, der.octetString(id));
}

export function authorityKeyIdentifier(id: Uint8Array): DerNode {
  return extension(oids.authorityKeyIdentifier, false, der.sequence(der.implicit(0, id)));
}

function extension(objectId: string, critical: boolean, value: DerNode): DerNode {
  const flag = critical ? [der.boolean(true)] : [];
  return der.sequence(der.objectId(objectId), ...flag, der.octetStringOf(value));
}
