// X.501 names of two attributes: an organization and a common name, as DER nodes.
import type { DerNode } from './asn1/der.ts';
import { oids } from './asn1/object-ids.ts';
import { objectId, sequence, set, utf8String } from './asn1/write-der.ts';

export interface DistinguishedName {
  readonly organization?: string;
  readonly commonName?: string;
}

// RFC 5280, A.1: ub-organization-name and ub-common-name are 64 characters.
const maxCharacters = 64;

/** A Name; without attributes the empty one. Values are cut at the 64 characters that X.520 allows. */
export function distinguishedName(name: DistinguishedName): DerNode {
  const attributes: DerNode[] = [];
  if (name.organization !== undefined) attributes.push(attribute(oids.organization, name.organization));
  if (name.commonName !== undefined) attributes.push(attribute(oids.commonName, name.commonName));
  return sequence(...attributes);
}

function attribute(type: string, value: string): DerNode {
  const characters = Array.from(value).slice(0, maxCharacters).join('');
  return set(sequence(objectId(type), utf8String(characters)));
}
