// Asks the primary's API server whose a token is. In: a bearer token. Out: the service account, or why there is none. Only tokens
// made for certificates count, those with the audience `istio-ca`: one that a pod shows to other servers is of no use here.

import type { TokenOwner, TokenReview } from '../../ca/authenticate-token.ts';
import { CaError } from '../../ca/ca-error.ts';
import { KubeError } from '../../discovery/source/kube/kube-error.ts';
import { fieldOf, textOf } from './kube-object.ts';
import type { PrimaryClient } from './primary-client.ts';

const audience = 'istio-ca';
const path = '/apis/authentication.k8s.io/v1/tokenreviews';
/** Every service account is in this group, and nobody else can be. */
const serviceAccounts = 'system:serviceaccounts';

/** Errors: `credential-refused`; `authentication-failed` while the API server can't be asked. */
export function reviewTokens(client: PrimaryClient, signal: AbortSignal): TokenReview {
  return async (token) => {
    const review = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences: [audience] },
    };
    const answer = await client.ask(path, review, signal);
    if (answer instanceof KubeError) {
      return new CaError('authentication-failed', `The token could not be checked: ${answer.message}.`, answer);
    }
    return ownerOf(fieldOf(answer, 'status'));
  };
}

function ownerOf(status: unknown): TokenOwner | CaError {
  if (fieldOf(status, 'authenticated') !== true) {
    return refused(`The API server does not accept the token for the audience "${audience}": ask for a new one.`);
  }
  // A server that knows nothing of audiences would accept any token.
  if (!listOf(status, 'audiences').includes(audience))
    return refused(`The token is not for the audience "${audience}".`);
  const username = textOf(status, 'user', 'username') ?? '';
  const [, namespace, serviceAccount] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username) ?? [];
  const isInGroup = listOf(fieldOf(status, 'user'), 'groups').includes(serviceAccounts);
  if (namespace === undefined || serviceAccount === undefined || !isInGroup) {
    return refused('The token belongs to no service account.');
  }
  return { namespace, serviceAccount };
}

function listOf(value: unknown, name: string): readonly unknown[] {
  const list = fieldOf(value, name);
  return Array.isArray(list) ? list : [];
}

function refused(message: string): CaError {
  return new CaError('credential-refused', message);
}
