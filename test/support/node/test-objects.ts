// Objects that tests of pods apply. In: what differs. Out: objects in the namespace `sample`.

import type { KubeApi, TestObject } from '../kube-api.ts';

const namespace = 'sample';

/** Labelled `app: NAME`. */
export function pod(name: string, spec: Readonly<Record<string, unknown>>): TestObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels: { app: name } }, spec };
}

/** Port 80 to the pods' 5000. */
export function service(name: string, spec: Readonly<Record<string, unknown>> = {}): TestObject {
  const ports = [{ name: 'http', port: 80, targetPort: 5000 }];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: name }, ports, ...spec },
  };
}

export interface DeploymentOptions {
  readonly image: string;
  readonly replicas?: number;
  /** Ready when it answers `/hello` on port 5000. */
  readonly probe?: boolean;
}

export function deployment(name: string, { image, replicas = 1, probe = false }: DeploymentOptions): TestObject {
  const readinessProbe = { httpGet: { path: '/hello', port: 5000 }, periodSeconds: 1 };
  const main = { name: 'main', image, ...(probe ? { readinessProbe } : {}) };
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [main] } };
  const spec = { replicas, selector: { matchLabels: labels }, template };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace }, spec };
}

/** Ready addresses of a service, in order. */
export async function sliceAddresses(api: KubeApi, of: string, name: string): Promise<readonly string[]> {
  const label = encodeURIComponent(`kubernetes.io/service-name=${name}`);
  const list = (await api.get(`/apis/discovery.k8s.io/v1/namespaces/${of}/endpointslices?labelSelector=${label}`)) as {
    readonly items: readonly {
      readonly endpoints?:
        readonly { readonly addresses: readonly string[]; readonly conditions: { readonly ready?: boolean } }[] | null;
    }[];
  };
  const all = list.items.flatMap(({ endpoints }) => endpoints ?? []);
  return all.flatMap(({ addresses, conditions }) => (conditions.ready === true ? addresses : [])).toSorted();
}
