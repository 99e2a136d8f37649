// Asks an API server for a token of a service account, with the credentials of whoever runs the command.

import { stringify } from 'yaml';
import { isMapping } from '../../discovery/convert/field-reader.ts';
import { ClusterAccess } from '../../discovery/source/kube/cluster-access.ts';
import { KubeError, statusError } from '../../discovery/source/kube/kube-error.ts';
import { statusMessage } from '../../discovery/source/kube/watch-event.ts';
import { systemClock } from '../../ca/clock.ts';
import { sendRequest } from '../kube/send-request.ts';
import { RemoteSecretError, type Mapping } from '../self-contained-kubeconfig.ts';

export interface AccountTokenRequest {
  /** Of the person who asks; may run programs. */
  readonly kubeconfig: Mapping;
  readonly namespace: string;
  readonly name: string;
  readonly ttlMs: number;
}

export interface AccountToken {
  readonly token: string;
  /** RFC 3339. The API server may shorten what was asked for. */
  readonly expiresAt: string;
}

const timeoutMs = 30_000;
const maxBytes = 1024 * 1024;

/** https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/ @throws RemoteSecretError */
export async function requestAccountToken(request: AccountTokenRequest): Promise<AccountToken> {
  const { kubeconfig, namespace, name, ttlMs } = request;
  const access = new ClusterAccess(
    { kind: 'text', kubeconfig: stringify(kubeconfig) },
    { programs: true, files: true },
  );
  try {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(name)}/token`;
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: Math.round(ttlMs / 1000) },
    };
    const answer = await sendRequest(
      { method: 'POST', path, body },
      { access: await access.current(), clock: systemClock, timeoutMs, maxBytes, signal: new AbortController().signal },
    );
    if (answer instanceof KubeError) throw answer;
    if (answer.status !== 201) throw statusError(answer.status, statusMessage(answer.text));
    return tokenOf(answer.text);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    const advice = error.code === 'absent' ? ': make it first, see docs/remotes.md' : '';
    throw new RemoteSecretError(`no token for ${namespace}/${name}: ${error.message}${advice}.`, { cause: error });
  } finally {
    access.close();
  }
}

function tokenOf(text: string): AccountToken {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = undefined;
  }
  const status = isMapping(answer) ? answer['status'] : undefined;
  const token = isMapping(status) ? status['token'] : undefined;
  const expiresAt = isMapping(status) ? status['expirationTimestamp'] : undefined;
  if (typeof token === 'string' && typeof expiresAt === 'string') return { token, expiresAt };
  throw new KubeError('malformed', 'the API server sent an answer without a token');
}
