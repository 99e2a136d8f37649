// The certificate authorities that this machine trusts outside the mesh, or, on an image without any, those that Node brings.

import { getCACertificates } from 'node:tls';

/** PEM, never empty. Reads files of the machine: to be called once. */
export function systemRootsPem(): string {
  const own = getCACertificates('system');
  return (own.length > 0 ? own : getCACertificates('bundled')).map((pem) => `${pem.trimEnd()}\n`).join('');
}
