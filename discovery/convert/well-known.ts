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
});

export const annotation = Object.freeze({
  exportTo: 'networking.istio.io/exportTo',
  nodeSelector: 'traffic.istio.io/nodeSelector',
  serviceAccountName: 'kubernetes.io/service-account.name',
});

/** Port of an east-west gateway unless its label says otherwise. */
export const defaultGatewayPort = 15_443;

/** True when every label of a selector is on the object. */
export function selects(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  for (const key of Object.keys(selector)) if (labels[key] !== selector[key]) return false;
  return true;
}
