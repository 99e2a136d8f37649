// An instance that was given the intermediate of another says so.

import { expect, it } from 'vitest';
import { caMaterial } from '../../../ca/ca-material.ts';
import { authorityTtlMs, makeIntermediate, makeRoot } from '../../../ca/make-authority.ts';
import { otherOwner, ownerOf } from '../../../server/authority-owner.ts';
import { ok } from '../../support/certificate-authority.ts';

const nowMs = Date.now();
const common = { trustDomain: 'cluster.local', keyType: 'ecdsa-p256', nowMs } as const;
const where = (name: string): string => name;

async function issuedFor(clusterId: string) {
  const root = await makeRoot({ ...common, ttlMs: authorityTtlMs.root });
  const { certificatePem } = root;
  const files = {
    'ca-cert.pem': certificatePem,
    'ca-key.pem': root.keyPem,
    'cert-chain.pem': certificatePem,
    'root-cert.pem': certificatePem,
  };
  const material = ok(caMaterial({ files, where, nowMs }));
  const made = await makeIntermediate({
    ...common,
    ttlMs: authorityTtlMs.intermediate,
    clusterId,
    root: material,
  });
  return ok(caMaterial({ files: made, where, nowMs }));
}

it('an intermediate that was issued for another cluster is a warning that names both', async () => {
  const material = await issuedFor('cluster-2');
  expect(otherOwner(material, { clusterId: 'cluster-2', caDir: 'certs' })).toEqual([]);
  const [problem] = otherOwner(material, { clusterId: 'cluster-1', caDir: 'certs' });
  expect(problem).toMatchObject({ severity: 'warning', code: 'authority-of-another-cluster' });
  expect(problem?.message).toMatch(/--ca-dir certs .* issued for cluster-2, .* cluster-1 \(--cluster-id\): it signs/);
});

it('an authority that signs itself names no cluster', () => {
  expect(ownerOf({ intermediatesPem: [] })).toBeUndefined();
  expect(otherOwner({ intermediatesPem: [] }, { clusterId: 'cluster-1' })).toEqual([]);
});
