// Which Secrets the servers of a Gateway name, and what for. In: a Gateway. Out: uses, by the name of the resource that an Envoy
// asks for.

import type { GatewayPolicy } from '../../discovery/model/policy.ts';
import { clientRootsResourceName, credentialResourceName } from '../generate/names.ts';

export interface CredentialUse {
  /** Name of the xDS resource. */
  readonly resource: string;
  readonly purpose: 'certificate' | 'client-roots';
  /** Secrets that may hold it, the preferred one first. */
  readonly secrets: readonly string[];
  readonly gateway: GatewayPolicy;
  readonly field: string;
}

/** Client roots come from the Secret `NAME-cacert` where there is one, else from that with the certificate, as in Istio. */
export function credentialUses(gateway: GatewayPolicy): readonly CredentialUse[] {
  return gateway.servers.flatMap(({ tls }): readonly CredentialUse[] => {
    if (tls === undefined) return [];
    const { certificates, clientRoots } = tls;
    const served =
      certificates.kind === 'secrets'
        ? certificates.names.map((name): CredentialUse => {
            const resource = credentialResourceName(name);
            return { resource, purpose: 'certificate', secrets: [name], gateway, field: certificates.field };
          })
        : [];
    if (clientRoots?.kind !== 'secret') return served;
    const { name, field } = clientRoots;
    const secrets = [`${name}-cacert`, name];
    const roots: CredentialUse = {
      resource: clientRootsResourceName(name),
      purpose: 'client-roots',
      secrets,
      gateway,
      field,
    };
    return [...served, roots];
  });
}
