// Envoy's metrics as Prometheus is to see them: those that the control plane has Envoy count get the names and labels of Istio's standard
// metrics. Pure. In: Envoy's text, and who the workload is. Out: the text, other lines as they were.
// https://istio.io/latest/docs/reference/config/metrics/

export type WorkloadFacts = {
  readonly workloadName: string;
  readonly namespace: string;
  readonly clusterId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly spiffeId: string;
};

type Labels = Map<string, string>;

const prefix = 'envoy_istio_';
const unknown = 'unknown';
const peerLabel = 'isthmus_peer';

export function istioMetrics(text: string, self: WorkloadFacts): string {
  if (!text.includes(prefix)) return text;
  return text
    .split('\n')
    .map((line) => {
      if (line.startsWith(prefix)) return series(line.slice('envoy_'.length), self);
      return line.startsWith(`# TYPE ${prefix}`) ? line.replace('envoy_', '') : line;
    })
    .join('\n');
}

/** `NAME{LABELS} VALUE`, with what is known put where `unknown` or nothing stands. */
function series(line: string, self: WorkloadFacts): string {
  const start = line.indexOf('{');
  const end = line.lastIndexOf('}');
  if (start < 0 || end < start) return line;
  const labels = parseLabels(line.slice(start + 1, end));
  const isSource = labels.get('reporter') === 'source';
  const [own, other] = isSource ? (['source', 'destination'] as const) : (['destination', 'source'] as const);
  fill(labels, own, ownLabels(self));
  fill(labels, other, peerLabels(labels.get(peerLabel) ?? ''));
  const principal = labels.get(`${other}_principal`) ?? '';
  fillOne(labels, `${other}_workload_namespace`, namespaceOf(principal));
  // One side has a certificate only if both have.
  if (principal.startsWith('spiffe://')) fillOne(labels, `${own}_principal`, self.spiffeId);
  labels.delete(peerLabel);
  if (labels.get('grpc_response_status') === '' && labels.get('request_protocol') !== 'grpc') {
    labels.delete('grpc_response_status');
  }
  for (const [name, value] of labels) if (value === '') labels.set(name, unknown);
  const written = [...labels].map(([name, value]) => `${name}="${value}"`).join(',');
  return `${line.slice(0, start)}{${written}}${line.slice(end + 1)}`;
}

/** Values stay escaped, as they are written again. */
function parseLabels(text: string): Labels {
  return new Map([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = '', value = '']) => [name, value]));
}

function ownLabels({ workloadName, namespace, clusterId, labels }: WorkloadFacts): Readonly<Record<string, string>> {
  const app = labels['app'] ?? labels['app.kubernetes.io/name'] ?? '';
  const version = labels['version'] ?? labels['app.kubernetes.io/version'] ?? '';
  return {
    workload: workloadName,
    workload_namespace: namespace,
    canonical_service: labels['service.istio.io/canonical-name'] ?? (app === '' ? workloadName : app),
    canonical_revision: labels['service.istio.io/canonical-revision'] ?? (version === '' ? 'latest' : version),
    app,
    version,
    cluster: clusterId,
  };
}

/** Of `NAME;NAMESPACE;CANONICAL-NAME;CANONICAL-REVISION;CLUSTER`, where an empty revision stands for `latest`. */
function peerLabels(peer: string): Readonly<Record<string, string>> {
  const [workload = '', namespace = '', name = '', revision = '', cluster = ''] = peer.split(';');
  const known = name === '' ? {} : { canonical_revision: revision === '' ? 'latest' : revision, version: revision };
  return { workload, workload_namespace: namespace, canonical_service: name, app: name, cluster, ...known };
}

function fill(labels: Labels, side: string, values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) fillOne(labels, `${side}_${name}`, escaped(value));
}

/** A label that is not there was removed by whoever configures the mesh. */
function fillOne(labels: Labels, name: string, value: string): void {
  const now = labels.get(name);
  if (value !== '' && (now === unknown || now === '')) labels.set(name, value);
}

function namespaceOf(principal: string): string {
  return /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\//.exec(principal)?.[1] ?? '';
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
