// Values of attributes that are no patterns: CIDR blocks, ports and accounts. In: one text and where it was read. Out: the value.

import { canonicalAddress, isCidr } from '../../convert/address.ts';
import { show } from '../../convert/field-reader.ts';
import type { AccountName, TextPattern } from '../../model/policy.ts';
import { readPattern, type ReadValue, type ValuePlace } from './text-pattern.ts';

export function readBlock(text: string, { reader, field }: ValuePlace): string | undefined {
  if (isCidr(text)) return text;
  const address = canonicalAddress(text);
  if (address !== undefined) return `${address}/${address.includes(':') ? 128 : 32}`;
  const message = `${show(text)} is neither an IP address nor a CIDR block such as "10.0.0.0/8": correct it`;
  reader.findings.error('invalid-address', field, message);
  return undefined;
}

export function readPortNumber(text: string, { reader, field }: ValuePlace): number | undefined {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
  reader.findings.error('invalid-port', field, `${show(text)} is not a port number: correct it`);
  return undefined;
}

/** `NAMESPACE/NAME`, or a name in the policy's own namespace. */
export function readAccount(own: string): ReadValue<AccountName> {
  return (text, { reader, field }) => {
    const parts = text.split('/');
    const [namespace = '', name = ''] = parts.length === 1 ? [own, text] : parts;
    if (parts.length <= 2 && isName(namespace) && isName(name)) return { namespace, name };
    const message = `${show(text)} is not a service account such as "NAMESPACE/NAME" (stars are not allowed): correct it`;
    reader.findings.error('invalid-value', field, message);
    return undefined;
  };
}

function isName(part: string): boolean {
  return /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(part);
}

/** A SPIFFE name without `spiffe://`, which some write and nobody needs. */
export function readPrincipal(text: string, place: ValuePlace): TextPattern {
  if (text.startsWith('spiffe://')) {
    const message = `${show(text)} begins with spiffe://, which no principal here has: write it without`;
    place.reader.findings.error('invalid-value', place.field, message);
  }
  return readPattern(text, place);
}
