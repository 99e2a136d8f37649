// Labels and annotations that Kubernetes and Istio give a meaning to.

export const label = Object.freeze({
  network: 'topology.istio.io/network',
  cluster: 'topology.istio.io/cluster',
  subzone: 'topology.istio.io/subzone',
  region: 'topology.kubernetes.io/region',
  zone: 'topology.kubernetes.io/zone',
  hostname: 'kubernetes.io/hostname',
  serviceName: 'kubernetes.io/service-name',
  tlsMode: 'security.istio.io/tlsMode',
  gatewayPort: 'networking.istio.io/gatewayPort',
  canonicalName: 'service.istio.io/canonical-name',
  canonicalRevision: 'service.istio.io/canonical-revision',
  appName: 'app.kubernetes.io/name',
  appVersion: 'app.kubernetes.io/version',
  podTemplateHash: 'pod-template-hash',
  locality: 'istio-locality',
  multiCluster: 'istio/multiCluster',
  injection: 'istio-injection',
  revision: 'istio.io/rev',
});

export const annotation = Object.freeze({
  exportTo: 'networking.istio.io/exportTo',
  nodeSelector: 'traffic.istio.io/nodeSelector',
  /** On a WorkloadEntry whose machine has an agent that probes it. */
  healthChecks: 'proxy.istio.io/health-checks-enabled',
  /** On a WorkloadEntry that a connected agent made: the WorkloadGroup it is of. */
  autoRegistrationGroup: 'istio.io/autoRegistrationGroup',
  /** The replica that its machine is connected to, or was last. */
  workloadController: 'istio.io/workloadController',
  /** The address that its machine is connected from. */
  connectedFrom: 'isthmus.io/connected-from',
  /** RFC 3339 with fractions of a second; one of these two. */
  connectedAt: 'istio.io/connectedAt',
  disconnectedAt: 'istio.io/disconnectedAt',
  serviceAccountName: 'kubernetes.io/service-account.name',
  /** On a remote-cluster Secret, as those below. */
  remoteCluster: 'networking.istio.io/cluster',
  network: 'topology.istio.io/network',
  namespaces: 'isthmus.io/namespaces',
  labelSelector: 'isthmus.io/label-selector',
  stalePolicy: 'isthmus.io/stale-policy',
  staleAfter: 'isthmus.io/stale-after',
  /** On the system namespace: SHA-256 of each root that the cluster's instance trusts, hexadecimal, separated by commas. */
  rootFingerprints: 'isthmus.io/root-fingerprints',
  /** On a policy or ServiceEntry that proxies rejected: another value than before has it tried as it is once more. */
  tryAgain: 'isthmus.io/try-again',
});

/** Option of a listener's TLS: what a listener of the Gateway API can't say otherwise. */
export const listenerProtocol = Object.freeze({
  option: 'gateway.istio.io/listener-protocol',
  autoPassthrough: 'auto-passthrough',
});

/** Class of a Gateway that stands for one somewhere else, in a cluster that is not read. */
export const remoteGatewayClass = 'istio-remote';

/** Port of an east-west gateway unless its label says otherwise. */
export const defaultGatewayPort = 15_443;

/** True when every label of a selector is on the object. */
export function selects(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  for (const key of Object.keys(selector)) if (labels[key] !== selector[key]) return false;
  return true;
}
