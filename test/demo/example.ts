// What `examples/multi-primary/` describes, read from its files so that addresses are written in one place only: for each cluster
// its network, its pods and the addresses of its services. In: a cluster's folder. Out: an `ExampleCluster`.

import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';

export type ExamplePod = {
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
};

export type ExampleService = { readonly name: string; readonly namespace: string; readonly clusterIp: string };

export type ExampleCluster = {
  readonly clusterId: string;
  readonly network: string;
  readonly directory: string;
  readonly pods: readonly ExamplePod[];
  readonly services: readonly ExampleService[];
  /** Where other networks reach this cluster's east-west gateway. */
  readonly gatewayAddress: string;
};

type KubernetesObject = {
  readonly kind?: string;
  readonly metadata?: { name?: string; namespace?: string; labels?: Record<string, string> };
  readonly spec?: { serviceAccountName?: string; clusterIP?: string };
  readonly status?: { podIP?: string; loadBalancer?: { ingress?: { ip?: string }[] } };
};

export const exampleDirectory = resolve(import.meta.dirname, '../../examples/multi-primary');

const networkLabel = 'topology.istio.io/network';

export async function readExampleCluster(clusterId: string): Promise<ExampleCluster> {
  const directory = join(exampleDirectory, clusterId);
  const objects = await readObjects(directory);
  const services = objects.filter((object) => object.kind === 'Service');
  const opening = services.find((service) => service.metadata?.labels?.[networkLabel] !== undefined);
  return {
    clusterId,
    directory,
    network: need(opening?.metadata?.labels?.[networkLabel], `${clusterId}: a Service with the label ${networkLabel}`),
    gatewayAddress: need(opening?.status?.loadBalancer?.ingress?.[0]?.ip, `${clusterId}: the gateway's address`),
    pods: objects.filter((object) => object.kind === 'Pod').map(readPod),
    services: services.map(readService),
  };
}

/** The pod with this value of its label `app`. */
export function podOf(cluster: ExampleCluster, app: string): ExamplePod {
  return need(
    cluster.pods.find((pod) => pod.labels['app'] === app),
    `${cluster.clusterId}: a pod of ${app}`,
  );
}

async function readObjects(directory: string): Promise<readonly KubernetesObject[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.yaml')).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
  return texts.flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject));
}

function readPod(object: KubernetesObject): ExamplePod {
  const name = need(object.metadata?.name, 'the name of a Pod');
  return {
    name,
    namespace: need(object.metadata?.namespace, `${name}: its namespace`),
    address: need(object.status?.podIP, `${name}: status.podIP`),
    serviceAccount: need(object.spec?.serviceAccountName, `${name}: its service account`),
    labels: object.metadata?.labels ?? {},
  };
}

function readService(object: KubernetesObject): ExampleService {
  const name = need(object.metadata?.name, 'the name of a Service');
  return {
    name,
    namespace: need(object.metadata?.namespace, `${name}: its namespace`),
    clusterIp: need(object.spec?.clusterIP, `${name}: spec.clusterIP`),
  };
}

function need<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`the example lacks ${what}`);
  return value;
}
