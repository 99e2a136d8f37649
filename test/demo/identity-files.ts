// What a mesh of two instances needs before it starts: one root with an intermediate for each instance, made by the real command line,
// and for each service account a token, as the Secret that the control plane checks and as the file that the agent shows.

import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { runOrThrow } from '../support/process.ts';
import { mainFile } from './control-plane.ts';
import type { ExampleCluster } from './example.ts';

export type Authorities = {
  readonly rootFile: string;
  /** Directory of each instance's intermediate, by cluster id. */
  readonly directories: ReadonlyMap<string, string>;
};

/** `isthmus ca init`, then `isthmus ca issue` for each cluster under that one root. */
export async function makeAuthorities(directory: string, clusterIds: readonly string[]): Promise<Authorities> {
  const root = join(directory, 'root');
  await runOrThrow([process.execPath, mainFile, 'ca', 'init', '--dir', root]);
  const directories = new Map(clusterIds.map((clusterId) => [clusterId, join(directory, clusterId)]));
  const issue = ['ca', 'issue', '--root', root];
  await Promise.all(
    Array.from(directories, ([clusterId, dir]) =>
      runOrThrow([process.execPath, mainFile, ...issue, '--dir', dir, '--cluster-id', clusterId]),
    ),
  );
  return { rootFile: join(root, 'root-cert.pem'), directories };
}

/** Random tokens for the pods of a cluster: writes `tokens.yaml` into its registry and returns them by `NAMESPACE/ACCOUNT`. */
export async function makeTokens(cluster: ExampleCluster, registry: string): Promise<ReadonlyMap<string, string>> {
  const accounts = new Map(cluster.pods.map((pod) => [`${pod.namespace}/${pod.serviceAccount}`, pod]));
  const tokens = new Map(Array.from(accounts.keys(), (account) => [account, randomBytes(32).toString('base64url')]));
  const secrets = Array.from(accounts, ([account, pod]) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/service-account-token',
    metadata: {
      name: `${pod.serviceAccount}-token`,
      namespace: pod.namespace,
      annotations: { 'kubernetes.io/service-account.name': pod.serviceAccount },
    },
    data: { token: Buffer.from(tokens.get(account) ?? '').toString('base64') },
  }));
  await mkdir(registry, { recursive: true });
  await writeFile(join(registry, 'tokens.yaml'), secrets.map((secret) => stringify(secret)).join('---\n'), {
    mode: 0o600,
  });
  return tokens;
}
