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

/** Whether `labels` has every pair of `selector`. An empty selector matches everything. */
export function labelsMatch(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}
