// What tests of a primary on a real API server need: its kubeconfig with exactly the rights of the manifests in deploy/, clients
// with those rights, and tokens of service accounts, honest ones and others.

import { createSign } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { systemClock } from '../../ca/clock.ts';
import { PrimaryClient } from '../../server/kube/primary-client.ts';
import { PrimaryKubeConfig } from '../../server/kube/primary-kube-config.ts';
import type { TestObject } from './kube-api.ts';
import type { KubeCluster } from './kube.ts';

export const systemNamespace = 'istio-system';

const rbacDirectory = resolve(import.meta.dirname, '../../deploy/rbac');

/** Applies `deploy/rbac/primary.yaml` and writes a kubeconfig of its service account. Out: the path. */
export async function asPrimary(cluster: KubeCluster): Promise<string> {
  return await asAccount(cluster, 'primary.yaml', 'isthmus');
}

/** The same of `deploy/rbac/remote-reader.yaml`. */
export async function asRemoteReader(cluster: KubeCluster): Promise<string> {
  return await asAccount(cluster, 'remote-reader.yaml', 'isthmus-reader');
}

/** The Role and RoleBinding of `deploy/rbac/gateway-secrets.yaml`, not applied. */
export async function gatewaySecretRights(): Promise<readonly TestObject[]> {
  return await rightsIn('gateway-secrets.yaml');
}

async function rightsIn(file: string): Promise<readonly TestObject[]> {
  const documents = parseAllDocuments(await readFile(resolve(rbacDirectory, file), 'utf8'));
  return documents.map((document) => document.toJS() as TestObject);
}

async function asAccount(cluster: KubeCluster, file: string, account: string): Promise<string> {
  await cluster.api.apply(namespaceObject(systemNamespace), ...(await rightsIn(file)));
  const path = cluster.file(`${account}.kubeconfig`);
  const token = await cluster.api.tokenFor(systemNamespace, account);
  await writeFile(path, await cluster.kubeconfigFor({ token }));
  return path;
}

export function namespaceObject(name: string): TestObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

export function serviceAccountObject(namespace: string, name: string): TestObject {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name } };
}

/** A Secret of texts. */
export function secretObject(
  namespace: string,
  name: string,
  texts: Readonly<Record<string, string>>,
  type = 'Opaque',
): TestObject {
  const data = Object.fromEntries(
    Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );
  return { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name }, type, data };
}

export function primaryClient(kubeconfig: string, timeoutMs?: number): PrimaryClient {
  const config = PrimaryKubeConfig.of({ primary: { kind: 'kubeconfig', path: kubeconfig }, systemNamespace });
  if (config === undefined) throw new Error('a kubeconfig is a primary');
  return new PrimaryClient({ config, clock: systemClock, timeoutMs });
}

/** A JSON Web Token as an API server makes them. `key`: PEM of the private key. */
export function signToken(key: string, claims: Readonly<Record<string, unknown>>): string {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${signed}.${createSign('sha256').update(signed).sign(key, 'base64url')}`;
}
