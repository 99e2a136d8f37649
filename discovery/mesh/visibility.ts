// Who may see an exported object, and which host names a pattern covers. Both as Istio has them.

/** Whether an object of `owner` with this `exportTo` is visible in `namespace`. Empty means everywhere, `.` its own namespace. */
export function isVisible(exportTo: readonly string[], owner: string, namespace: string): boolean {
  if (exportTo.length === 0) return true;
  return exportTo.some((entry) => entry === '*' || entry === namespace || (entry === '.' && owner === namespace));
}

/** Whether `pattern` (a host name, `*.suffix`, or `*`) covers `host`. */
export function hostMatches(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*')) return pattern === host;
  return host.length >= pattern.length && host.endsWith(pattern.slice(1));
}

/** Of the pods of a Gateway of the Gateway API: its name. */
const gatewayNameLabel = 'gateway.networking.k8s.io/gateway-name';

export interface Selecting {
  readonly namespace: string;
  /** Empty: everything. */
  readonly selector: Readonly<Record<string, string>>;
  readonly targetGateways?: readonly string[] | undefined;
}

/** Whether a workload in a namespace that the policy reaches is one that it is for. Targets are of the policy's own namespace. */
export function policySelects(
  { namespace, selector, targetGateways }: Selecting,
  workload: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
): boolean {
  if (targetGateways === undefined) return labelsMatch(selector, workload.labels);
  const gateway = workload.labels[gatewayNameLabel];
  return namespace === workload.namespace && gateway !== undefined && targetGateways.includes(gateway);
}

/** Whether `labels` has every pair of `selector`. An empty selector matches everything. */
export function labelsMatch(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}
