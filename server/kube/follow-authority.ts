// Keeps the issuer signing with what the Secrets of the primary hold: `cacerts` before `istio-ca-secret`. A bad one is complained of and
// leaves the authority that is in force; so does one that is gone.

import { CaError } from '../../ca/ca-error.ts';
import type { Issuer } from '../../ca/issuer.ts';
import { objectKey } from '../../discovery/model/names.ts';
import type { KubeTimings } from '../../discovery/source/kube/timings.ts';
import type { AuthorityComplaint } from '../authority-complaint.ts';
import type { Log } from '../log.ts';
import { replaceAuthority } from '../replace-authority.ts';
import { authorityOfSecret, pluggedSecret, selfSignedSecret } from './authority-secret.ts';
import { followObjects } from './followed-objects.ts';
import type { PrimaryClient } from './primary-client.ts';

export interface FollowAuthorityOptions {
  readonly client: PrimaryClient;
  readonly issuer: Issuer;
  readonly complaint: AuthorityComplaint;
  readonly log: Log;
  readonly timings?: Partial<KubeTimings> | undefined;
}

/** Until the signal aborts. */
export async function followAuthoritySecrets(options: FollowAuthorityOptions, signal: AbortSignal): Promise<void> {
  const { client, issuer, complaint, log, timings } = options;
  const { systemNamespace, clock } = client;
  const secret = { kind: 'Secret', plural: 'secrets', namespace: systemNamespace };
  let isPlugged = false;
  await followObjects(
    {
      client,
      clock,
      timings,
      followed: [pluggedSecret, selfSignedSecret].map((name) => ({ ...secret, name })),
      onTrouble: (reason) => {
        if (reason !== undefined) log.warn({ reason }, 'the Secrets of the authority are not followed at present');
      },
      onChange: (objects) => {
        isPlugged ||= objects.has(keyOf(systemNamespace, pluggedSecret));
        // A deleted `cacerts` does not bring back a self-signed root that was made before it: that would be another mesh.
        const name = isPlugged ? pluggedSecret : selfSignedSecret;
        if (!objects.has(keyOf(systemNamespace, name))) {
          complaint.raise(
            `Secret ${systemNamespace}/${name} is gone: restore it. The authority that it held signs until this instance stops.`,
          );
          return;
        }
        const data = objects.get(keyOf(systemNamespace, name))?.body['data'];
        const material = authorityOfSecret({ place: `${systemNamespace}/${name}`, data, nowMs: clock.now() });
        if (material instanceof CaError) {
          complaint.raise(`${material.message} Until then the authority stays as it was.`, material);
          return;
        }
        complaint.settle();
        replaceAuthority(issuer, material, log);
      },
    },
    signal,
  );
}

function keyOf(namespace: string, name: string): string {
  return objectKey('Secret', namespace, name);
}
