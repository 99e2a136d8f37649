// How a proxy introduces itself to a control plane, in Istio's conventions. Pure. In: what is known about the pod. Out: the `node`
// of Envoy's bootstrap.

import { AgentError } from '../agent-error.ts';

export type ProxyType = 'sidecar' | 'router';

export type NodeFacts = {
  readonly type: ProxyType;
  /** The pod's addresses; the first is in the node id. */
  readonly ips: readonly string[];
  readonly podName: string;
  readonly namespace: string;
  /** `NAMESPACE.svc.cluster.local` */
  readonly dnsDomain: string;
  readonly serviceAccount: string;
  readonly workloadName: string;
  readonly clusterId: string;
  /** Empty when the mesh has one network. */
  readonly network: string;
  readonly meshId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly locality: Locality | undefined;
  readonly interceptionMode: 'REDIRECT' | 'TPROXY' | 'NONE';
  /** The workload's DNS goes to the agent: control planes may give addresses to hosts that have none. */
  readonly dnsCapture?: boolean;
  /** JSON as the injector writes it, `[{"name":"http","containerPort":80}]`; undefined when not known. */
  readonly podPorts: string | undefined;
  /** Gateways: the networks whose endpoints they want to see; empty for all. */
  readonly requestedNetworkView: readonly string[];
  /** The ProxyConfig that is in force: its presence is what marks a proxy to `istioctl`. */
  readonly proxyConfig: Readonly<Record<string, unknown>>;
  readonly version: string;
  /** Of a machine outside Kubernetes, on the stream by which it registers. */
  readonly autoRegisterGroup?: string | undefined;
};

export type Locality = { readonly region: string; readonly zone: string; readonly subZone: string };

export type BootstrapNode = {
  readonly id: string;
  readonly cluster: string;
  readonly locality?: Partial<Locality>;
  readonly metadata: Readonly<Record<string, unknown>>;
};

export function bootstrapNode(facts: NodeFacts): BootstrapNode {
  const [ip] = facts.ips;
  if (ip === undefined) throw new AgentError('invalid-options', 'a proxy needs at least one address of its own');
  const service = facts.labels['service.istio.io/canonical-name'] ?? facts.labels['app'] ?? facts.workloadName;
  return {
    id: [facts.type, ip, `${facts.podName}.${facts.namespace}`, facts.dnsDomain].join('~'),
    cluster: `${service}.${facts.namespace}`,
    ...(facts.locality === undefined ? {} : { locality: withoutEmpty(facts.locality) }),
    metadata: {
      NAME: facts.podName,
      NAMESPACE: facts.namespace,
      SERVICE_ACCOUNT: facts.serviceAccount,
      WORKLOAD_NAME: facts.workloadName,
      CLUSTER_ID: facts.clusterId,
      MESH_ID: facts.meshId,
      INSTANCE_IPS: facts.ips.join(','),
      INTERCEPTION_MODE: facts.interceptionMode,
      LABELS: facts.labels,
      ISTIO_VERSION: facts.version,
      PROXY_CONFIG: facts.proxyConfig,
      ...(facts.network === '' ? {} : { NETWORK: facts.network }),
      ...(facts.dnsCapture === true ? { DNS_CAPTURE: 'true', DNS_AUTO_ALLOCATE: 'true' } : {}),
      ...(facts.autoRegisterGroup === undefined ? {} : { AUTO_REGISTER_GROUP: facts.autoRegisterGroup }),
      ...(facts.podPorts === undefined ? {} : { POD_PORTS: facts.podPorts }),
      ...(facts.requestedNetworkView.length === 0
        ? {}
        : { REQUESTED_NETWORK_VIEW: facts.requestedNetworkView.join(',') }),
    },
  };
}

/** `region/zone/subzone`, the last two optional. Throws AgentError `invalid-options`. */
export function parseLocality(text: string): Locality {
  const [region = '', zone = '', subZone = '', ...more] = text.split('/');
  if (region === '' || more.length > 0) {
    throw new AgentError('invalid-options', `"${text}" is not a locality like region/zone/subzone`);
  }
  return { region, zone, subZone };
}

function withoutEmpty({ region, zone, subZone }: Locality): Partial<Locality> {
  return { region, ...(zone === '' ? {} : { zone }), ...(subZone === '' ? {} : { subZone }) };
}
