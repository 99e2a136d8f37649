// One place to scrape a pod: the annotations that name the application's metrics go to the agent, which merges them with Envoy's, and
// name the agent instead. In: annotations and the agent's port. Out: other annotations, and what the agent is told.

export interface MergedPrometheus {
  readonly annotations: Readonly<Record<string, string>>;
  /** JSON for ISTIO_PROMETHEUS_ANNOTATIONS; undefined when the pod says nothing of metrics. */
  readonly scrape: string | undefined;
}

export const prometheusVariable = 'ISTIO_PROMETHEUS_ANNOTATIONS';

/** Undefined when nothing is to be changed: the pod does not want to be scraped, or is scraped at the agent already. */
export function mergePrometheus(
  annotations: Readonly<Record<string, string>>,
  statusPort: number,
): MergedPrometheus | undefined {
  const said = new Map<string, string>();
  for (const [name, text] of Object.entries(annotations)) {
    const part = partOf(name);
    if (part !== undefined) said.set(part, text);
  }
  const port = said.get('port');
  if (/^(0|f|false)$/i.test(said.get('scrape') ?? '') || port === String(statusPort)) return undefined;
  const others = Object.entries(annotations).filter(([name]) => partOf(name) === undefined);
  const scrape = { scrape: said.get('scrape') ?? '', path: said.get('path') ?? '', port: port ?? '' };
  return {
    annotations: {
      ...Object.fromEntries(others),
      'prometheus.io/port': String(statusPort),
      'prometheus.io/path': '/stats/prometheus',
      'prometheus.io/scrape': 'true',
    },
    scrape: said.size === 0 ? undefined : JSON.stringify(scrape),
  };
}

/** Prometheus makes the same label of `prometheus.io/port`, `prometheus_io/port` and the like. */
function partOf(name: string): string | undefined {
  return /^prometheus_io_(scrape|port|path)$/.exec(name.replaceAll(/[^a-zA-Z0-9_]/g, '_'))?.[1];
}
