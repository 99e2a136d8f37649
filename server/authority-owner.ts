// For which instance an intermediate was issued, as far as `isthmus ca issue` made it, and a finding when that is another one.
// In: the authority in force. Out: a problem, or nothing.

import { X509Certificate } from 'node:crypto';
import type { CaMaterial } from '../ca/ca-material.ts';
import type { Problem } from '../discovery/model/problem.ts';

/** The cluster id in the name of the intermediate; undefined for an authority that somebody else made. */
export function ownerOf({ intermediatesPem }: Pick<CaMaterial, 'intermediatesPem'>): string | undefined {
  const [own] = intermediatesPem;
  if (own === undefined) return undefined;
  return /^CN=Isthmus intermediate (.+)$/m.exec(new X509Certificate(own).subject)?.[1];
}

export function otherOwner(
  material: Pick<CaMaterial, 'intermediatesPem'>,
  { clusterId, caDir }: { readonly clusterId: string; readonly caDir?: string | undefined },
): readonly Problem[] {
  const owner = ownerOf(material);
  if (owner === undefined || owner === clusterId) return [];
  const place = caDir === undefined ? 'the Secret cacerts' : `--ca-dir ${caDir}`;
  const message =
    `${place} holds the intermediate that was issued for ${owner}, and this instance is ${clusterId} (--cluster-id): it signs ` +
    'with it all the same, and which instance signed what can no longer be told. Give each instance its own ' +
    `(\`isthmus ca issue --cluster-id ${clusterId}\`), or correct --cluster-id.`;
  return [{ severity: 'warning', code: 'authority-of-another-cluster', message }];
}
