// SPIFFE ids as this mesh uses them: `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT`, to and from its three
// parts. Anything else, also a valid SPIFFE id of another shape, is not an identity here.
import { CaError } from './ca-error.ts';

export type SpiffeId = `spiffe://${string}/ns/${string}/sa/${string}`;

/** Who a workload is. The parts are checked: they come from `identity` or `parseSpiffeId` only. */
export interface Identity {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

// SPIFFE-ID 2.1: a trust domain is lower case letters, digits, dots, dashes and underscores, at most 255 bytes.
const trustDomainForm = /^[a-z0-9._-]{1,255}$/;
// Kubernetes: a namespace is a DNS label, a service account a DNS subdomain.
const namespaceForm = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const serviceAccountForm = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/** Checks the three parts; CaError `spiffe-id-invalid` names the one that is wrong. */
export function identity(parts: Identity): Identity | CaError {
  const { trustDomain, namespace, serviceAccount } = parts;
  if (!trustDomainForm.test(trustDomain)) return invalid(`"${trustDomain}" is not a trust domain.`);
  if (!namespaceForm.test(namespace)) return invalid(`"${namespace}" is not a namespace.`);
  if (!serviceAccountForm.test(serviceAccount)) return invalid(`"${serviceAccount}" is not a service account.`);
  return { trustDomain, namespace, serviceAccount };
}

/** `spiffe://TD/ns/NS/sa/SA` to its parts, strictly: no percent-encoding, query, port or other path. */
export function parseSpiffeId(uri: string): Identity | CaError {
  const parts = /^spiffe:\/\/([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(uri);
  const [, trustDomain, namespace, serviceAccount] = parts ?? [];
  if (trustDomain === undefined || namespace === undefined || serviceAccount === undefined) {
    return invalid(`"${uri}" is not of the form spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT.`);
  }
  return identity({ trustDomain, namespace, serviceAccount });
}

export function formatSpiffeId(of: Identity): SpiffeId {
  return `spiffe://${of.trustDomain}/ns/${of.namespace}/sa/${of.serviceAccount}`;
}

function invalid(message: string): CaError {
  return new CaError('spiffe-id-invalid', message);
}
