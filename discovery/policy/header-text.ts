// Header names and values that Envoy can be sent. It refuses a whole response for one that it can't take, with every other
// virtual host in it, so they are checked where they are declared.

import { show } from '../convert/field-reader.ts';
import type { Findings } from '../convert/findings.ts';

// RFC 9110 5.6.2: a field name is a token.
const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;

/** The name of a header that is looked at; pseudo-headers such as `:path` are among them. */
export function checkHeaderName(name: string, field: string, findings: Findings): void {
  if (token.test(name.replace(/^:/, ''))) return;
  findings.error('invalid-header', field, `${show(name)} is not the name of a header: correct it`);
}

/** The name of a header that is changed. Pseudo-headers and `host` can't be, but the host can be set as a whole. */
export function checkChangedHeader(name: string, change: HeaderChange, at: Place): void {
  const lower = name.toLowerCase();
  const isHost = lower === 'host' || lower === ':authority';
  if (isHost && change === 'set') return;
  if (isHost || name.startsWith(':')) {
    const message = `${show(name)} can't be changed as a header: use rewrite for host and path`;
    at.findings.error('invalid-header', at.field, message);
  } else checkHeaderName(name, at.field, at.findings);
}

export type HeaderChange = 'set' | 'add' | 'remove';

export interface Place {
  readonly field: string;
  readonly findings: Findings;
}

/** Also of what becomes part of a header: a path, a host. */
export function checkHeaderValue(value: string, field: string, findings: Findings): void {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (!/[\u0000\n\r]/.test(value)) return;
  findings.error('invalid-header', field, `${show(value)} has a line break or a zero byte in it: remove that`);
}
