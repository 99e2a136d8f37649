// The authority of an instance on Kubernetes at its start: Secret `cacerts`, else the self-signed root in `istio-ca-secret`. The
// latter is made when there is none, by exactly one of the replicas that start together: creating fails for all but the first.

import type { CaError } from '../../ca/ca-error.ts';
import type { CaMaterial } from '../../ca/ca-material.ts';
import { authorityTtlMs, makeRoot } from '../../ca/make-authority.ts';
import { KubeError } from '../../discovery/source/kube/kube-error.ts';
import { authorityOfSecret, pluggedSecret, secretsOf, selfSignedObject, selfSignedSecret } from './authority-secret.ts';
import type { StoredObject } from './kube-object.ts';
import type { PrimaryClient } from './primary-client.ts';

export interface LoadAuthorityOptions {
  readonly client: PrimaryClient;
  /** For the name of a new root. */
  readonly trustDomain: string;
}

/** A `CaError` is about what a Secret holds, a `KubeError` about reaching it. */
export async function loadAuthorityFromSecrets(
  { client, trustDomain }: LoadAuthorityOptions,
  signal: AbortSignal,
): Promise<CaMaterial | CaError | KubeError> {
  const { systemNamespace, clock } = client;
  const secrets = secretsOf(systemNamespace);
  const read = ({ name, fields }: StoredObject): CaMaterial | CaError =>
    authorityOfSecret({ place: `${systemNamespace}/${name}`, data: fields['data'], nowMs: clock.now() });

  const plugged = await client.get(secrets, pluggedSecret, signal);
  if (!(plugged instanceof KubeError)) return read(plugged);
  if (plugged.code !== 'absent') return plugged;

  const found = await client.get(secrets, selfSignedSecret, signal);
  if (!(found instanceof KubeError)) return read(found);
  if (found.code !== 'absent') return found;

  const root = await makeRoot({
    trustDomain,
    keyType: 'ecdsa-p256',
    ttlMs: authorityTtlMs.root,
    nowMs: clock.now(),
  });
  const made = await client.create(secrets, selfSignedObject(root, systemNamespace), signal);
  if (!(made instanceof KubeError)) return read(made);
  if (made.code !== 'conflict') return made;
  const others = await client.get(secrets, selfSignedSecret, signal);
  return others instanceof KubeError ? others : read(others);
}
