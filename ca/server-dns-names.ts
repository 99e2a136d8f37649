// The names of an instance in its server certificate: those that Istio's proxies look for (the agent verifies the host
// of its discovery address), the first as the common name.

export interface ServerDnsNamesOptions {
  /** Namespace of the control plane, `istio-system` by default. */
  readonly systemNamespace: string;
  /** Revision of the control plane; left out or `default` for none. */
  readonly revision?: string | undefined;
  /** Further names, such as one that proxies outside of the cluster use. */
  readonly further?: readonly string[];
}

/** DNS names without repetition, in an order that never changes. */
export function serverDnsNames({ systemNamespace, revision, further = [] }: ServerDnsNamesOptions): readonly string[] {
  const services = ['istiod', 'istiod-remote', 'istio-pilot'];
  if (revision !== undefined && revision !== '' && revision !== 'default') services.push(`istiod-${revision}`);
  return [...new Set([...services.map((service) => `${service}.${systemNamespace}.svc`), ...further])];
}
