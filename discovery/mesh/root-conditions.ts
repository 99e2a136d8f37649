// Whether a cluster trusts the same root as this instance. In: our roots as PEM, and those that the cluster publishes, as PEM or
// by their fingerprints. Out: a named condition for its status when they have nothing in common. It is told, and stops nothing.

import { createHash } from 'node:crypto';
import type { ClusterStatus } from '../model/cluster-snapshot.ts';

/** SHA-256 fingerprints (hex) of every certificate of a PEM bundle, or those that stand in a text without any. */
export function rootFingerprints(pem: string): ReadonlySet<string> {
  const blocks = pem.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g);
  const fingerprints = new Set<string>();
  for (const [, base64 = ''] of blocks) {
    const der = Buffer.from(base64, 'base64');
    if (der.length > 0) fingerprints.add(createHash('sha256').update(der).digest('hex'));
  }
  if (!pem.includes('-----BEGIN')) for (const [word] of pem.matchAll(/\b[0-9a-f]{64}\b/g)) fingerprints.add(word);
  return fingerprints;
}

export function rootConditions(published: string | undefined, own: string | undefined): ClusterStatus['conditions'] {
  if (published === undefined || own === undefined) return [];
  const theirs = rootFingerprints(published);
  const ours = rootFingerprints(own);
  if (theirs.size === 0) {
    const message =
      'what the cluster publishes as its root can not be read: write the root as PEM under root-cert.pem of ConfigMap ' +
      'istio-ca-root-cert';
    return [{ name: 'root-unreadable', message }];
  }
  if ([...theirs].some((fingerprint) => ours.has(fingerprint))) return [];
  const message =
    `the cluster publishes root ${short(theirs)}, this instance signs under ${short(ours)}: ` +
    'workloads of the two can not authenticate each other; give both instances intermediates under one root';
  return [{ name: 'root-mismatch', message }];
}

function short(fingerprints: ReadonlySet<string>): string {
  return [...fingerprints].map((fingerprint) => fingerprint.slice(0, 16)).join(', ');
}
