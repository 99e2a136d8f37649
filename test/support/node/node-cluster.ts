// A whole Kubernetes cluster for tests with nothing missing but the container runtime: API server and controllers in the network
// namespace of its only node, which runs pods as programs. In: a lab, a number. Out: the cluster. Several clusters of one lab reach
// each other's nodes and load balancers, never each other's pods.

import { kubectl } from '../kubectl.ts';
import { startKubeCluster, type KubeCluster } from '../kube.ts';
import type { NetworkLab } from '../netns.ts';
import type { RunResult } from '../process.ts';
import { nodeNamespace, type NodeNamespace } from './node-namespace.ts';
import { startTestNode, type TestNode, type TestNodeOptions } from './test-node.ts';

export interface NodeClusterOptions extends Omit<TestNodeOptions, 'kube' | 'namespace' | 'name'> {
  readonly lab: NetworkLab;
  /** 1 to 250, another one for each cluster of the lab; the first is made first. */
  readonly index: number;
  /** Default: `node-INDEX`. */
  readonly nodeName?: string | undefined;
  readonly apiServerFlags?: Readonly<Record<string, string>> | undefined;
  /** Of Kubernetes. */
  readonly version?: string | undefined;
}

export interface NodeCluster extends AsyncDisposable {
  readonly kube: KubeCluster;
  readonly node: TestNode;
  readonly namespace: NodeNamespace;
  /** Runs kubectl as an administrator. Rejects unless it succeeds. */
  kubectl(...args: readonly string[]): Promise<RunResult>;
}

const controllers = [
  'deployment-controller',
  'replicaset-controller',
  'endpointslice-controller',
  'serviceaccount-controller',
  'namespace-controller',
  'garbage-collector-controller',
  'root-ca-certificate-publisher-controller',
];

/** About ten seconds. */
export async function startNodeCluster(options: NodeClusterOptions): Promise<NodeCluster> {
  const { lab, index, nodeName = `node-${index}`, apiServerFlags, version } = options;
  const namespace = await nodeNamespace(lab, index);
  const kube = await startKubeCluster({
    ...(version === undefined ? {} : { version }),
    place: {
      address: namespace.address,
      command: (argv) => namespace.host.command(argv),
      reach: (port) => namespace.reach(port),
    },
    // Unlike elsewhere in the tests, pods get their account's token and the cluster's root without asking.
    apiServerFlags: { 'disable-admission-plugins': 'DefaultTolerationSeconds', ...apiServerFlags },
  });
  try {
    const flags = { 'root-ca-file': kube.file('certificates/apiserver.crt') };
    kube.startControllerManager({ controllers, flags });
    const node = await startTestNode({ ...options, kube, namespace, name: nodeName });
    const dispose = async (): Promise<void> => {
      await node.stop();
      await kube.stop();
      await namespace.stop();
    };
    return { kube, node, namespace, kubectl: (...args) => kubectl(kube, args), [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await kube.stop();
    throw error;
  }
}
