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

/** What Envoy counts by only so that it can be told apart here. */
const peerLabel = 'isthmus_peer';
const withoutLabel = 'isthmus_without';

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

/** `NAME{LABELS} VALUE`, with all the labels that Istio's metrics have. */
function series(line: string, self: WorkloadFacts): string {
  const start = line.indexOf('{');
  const end = line.lastIndexOf('}');
  if (start < 0 || end < start) return line;
  const labels = parseLabels(line.slice(start + 1, end));
  const without = new Set((labels.get(withoutLabel) ?? '').split(','));
  const peer = labels.get(peerLabel) ?? '';
  labels.delete(withoutLabel);
  labels.delete(peerLabel);
  for (const [name, value] of known(labels, peer, self)) {
    const counted = labels.get(name);
    if (counted === undefined ? !without.has(name) : counted === '') labels.set(name, value === '' ? unknown : value);
  }
  // Only gRPC has it.
  if (labels.get('grpc_response_status') === '') labels.delete('grpc_response_status');
  const written = [...labels].map(([name, value]) => `${name}="${value === '' ? unknown : value}"`).join(',');
  return `${line.slice(0, start)}{${written}}${line.slice(end + 1)}`;
}

/** Labels with what is known here; empty where nothing is. */
function known(labels: Labels, peer: string, self: WorkloadFacts): readonly (readonly [string, string])[] {
  const isSource = labels.get('reporter') === 'source';
  const [own, other] = isSource ? (['source', 'destination'] as const) : (['destination', 'source'] as const);
  const principal = labels.get(`${other}_principal`) ?? '';
  // One side has a certificate only if both have.
  const isMutual = principal.startsWith('spiffe://');
  const ofPeer = peerLabels(peer);
  return [
    ...ofSide(own, { ...ownLabels(self), principal: isMutual ? self.spiffeId : '' }),
    ...ofSide(other, {
      ...ofPeer,
      workload_namespace: ofPeer.workload_namespace === '' ? namespaceOf(principal) : ofPeer.workload_namespace,
      principal: '',
    }),
    ['connection_security_policy', ''],
  ];
}

function ofSide(side: string, labels: SideLabels): readonly (readonly [string, string])[] {
  return Object.entries(labels).map(([name, value]) => [`${side}_${name}`, escaped(value)] as const);
}

type WorkloadLabels = {
  readonly workload: string;
  readonly workload_namespace: string;
  readonly canonical_service: string;
  readonly canonical_revision: string;
  readonly app: string;
  readonly version: string;
  readonly cluster: string;
};

type SideLabels = WorkloadLabels & { readonly principal: string };

/** Values stay escaped, as they are written again. */
function parseLabels(text: string): Labels {
  return new Map([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = '', value = '']) => [name, value]));
}

function ownLabels({ workloadName, namespace, clusterId, labels }: WorkloadFacts): WorkloadLabels {
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
function peerLabels(peer: string): WorkloadLabels {
  const [workload = '', namespace = '', name = '', revision = '', cluster = ''] = peer.split(';');
  return {
    workload,
    workload_namespace: namespace,
    canonical_service: name,
    canonical_revision: name !== '' && revision === '' ? 'latest' : revision,
    app: name,
    version: revision,
    cluster,
  };
}

function namespaceOf(principal: string): string {
  return /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\//.exec(principal)?.[1] ?? '';
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
