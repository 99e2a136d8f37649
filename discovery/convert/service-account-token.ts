// A Secret of type kubernetes.io/service-account-token → who a caller with that token is. Other Secrets are not looked into,
// and no message here may hold a value of one.

import type { KubernetesObject } from '../model/kubernetes-object.ts';
import { FieldReader } from './field-reader.ts';
import { Findings, type Conversion } from './findings.ts';
import { annotation } from './well-known.ts';

export interface TokenDeclaration {
  readonly token: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** Neither a value nor a problem for a Secret of another type. */
export function convertServiceAccountToken(object: KubernetesObject): Conversion<TokenDeclaration> {
  const findings = new Findings(object);
  const body = new FieldReader(object.body, '', findings);
  if (body.raw('type') !== 'kubernetes.io/service-account-token') return { problems: [] };
  const serviceAccount = object.metadata.annotations[annotation.serviceAccountName];
  if (serviceAccount === undefined || serviceAccount === '') {
    const field = `metadata.annotations["${annotation.serviceAccountName}"]`;
    findings.error('missing-field', field, `the annotation ${annotation.serviceAccountName} is missing: add it`);
  }
  const token = readToken(body);
  if (token === '')
    findings.error('missing-field', 'data.token', 'data.token (base64) or stringData.token is missing: add it');
  return findings.conclude({ token, namespace: object.metadata.namespace, serviceAccount: serviceAccount ?? '' });
}

function readToken(body: FieldReader): string {
  const plain = body.object('stringData')?.raw('token');
  if (typeof plain === 'string') return plain.trim();
  const encoded = body.object('data')?.raw('token');
  return typeof encoded === 'string' ? Buffer.from(encoded, 'base64').toString('utf8').trim() : '';
}
