// Puts another authority in force while the instance runs, when it differs from the one that is.

import type { CaMaterial } from '../ca/ca-material.ts';
import type { Issuer } from '../ca/issuer.ts';
import type { Log } from './log.ts';

/** Returns whether anything changed. */
export function replaceAuthority(issuer: Issuer, material: CaMaterial, log: Log): boolean {
  const before = issuer.material;
  if (isSame(before, material)) return false;
  issuer.replace(material);
  log.info({ roots: material.rootFingerprints }, 'the authority was read again and signs from now on');
  if (!before.rootFingerprints.some((root) => material.rootFingerprints.includes(root))) {
    log.warn(
      { before: before.rootFingerprints, now: material.rootFingerprints },
      'no root stayed trusted: workloads with certificates under the old root are refused until they renew; keep both ' +
        'roots in root-cert.pem for as long as old certificates live',
    );
  }
  return true;
}

function isSame(a: CaMaterial, b: CaMaterial): boolean {
  return (
    a.certificate.der.equals(b.certificate.der) &&
    a.key.equals(b.key) &&
    a.rootsPem === b.rootsPem &&
    a.intermediatesPem.join('') === b.intermediatesPem.join('')
  );
}
