// Every metric of an instance in one object with a registry of its own. The parts take narrow interfaces and call the
// methods; what can be read from the instance is read when Prometheus asks. Names of istiod are kept for its dashboards.

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { CaCounters } from '../ca-service.ts';
import { clusterSyncStatus } from './cluster-sync-status.ts';
import type { StreamEndCode } from '../stream/stream-end.ts';
import type { PushedResponse, StreamMetrics } from '../stream/stream-metrics.ts';
import type { InstanceReader } from './instance-reader.ts';
import { shortTypeName } from './proxy-status.ts';

export interface MetricsOptions {
  readonly version: string;
  readonly startedAtMs: number;
  readonly nowMs: () => number;
  /** Also the metrics of the Node process; on unless false. */
  readonly process?: boolean | undefined;
}

const bytesBuckets = [1, 10_000, 100_000, 1_000_000, 4_000_000, 10_000_000, 40_000_000];
const rejectTypes = ['cds', 'eds', 'lds', 'rds'] as const;

export class Metrics implements StreamMetrics {
  readonly registry = new Registry();
  readonly #options: MetricsOptions;

  readonly #pushes = this.#counter('pilot_xds_pushes', 'Responses sent to proxies', ['type']);
  readonly #rejects = this.#counter('pilot_total_xds_rejects', 'Responses that proxies rejected', ['type']);
  readonly #expiredNonces = this.#counter('pilot_xds_expired_nonce', 'Requests that carried an old nonce', ['type']);
  readonly #triggers = this.#counter('pilot_push_triggers', 'Changes that led to a push', ['type']);
  readonly #openedStreams = this.#counter('isthmus_streams_opened_total', 'Streams opened', ['variant']);
  readonly #endedStreams = this.#counter('isthmus_streams_ended_total', 'Streams ended, by gRPC status', [
    'variant',
    'code',
  ]);
  readonly #requests = this.#counter('isthmus_xds_requests_total', 'Requests received from proxies', ['type']);
  readonly #acks = this.#counter('isthmus_xds_acks_total', 'Responses that proxies accepted', ['type']);
  readonly #sentResources = this.#counter('isthmus_xds_resources_sent_total', 'Resources in responses', ['type']);
  readonly #removedResources = this.#counter('isthmus_xds_resources_removed_total', 'Removals in responses', ['type']);
  readonly #encodings = this.#counter('isthmus_resources_encoded_total', 'Resources generated and encoded', ['type']);
  readonly #unknownTypes = this.#counter('isthmus_xds_unknown_types_total', 'Requests for types that are not served');
  readonly #slowReaders = this.#counter('isthmus_slow_readers_total', 'Streams closed because nobody read them');
  readonly #csrs = this.#counter('citadel_server_csr_count', 'Certificate requests received');
  readonly #issued = this.#counter('citadel_server_success_cert_issuance_count', 'Certificates issued');
  readonly #authFailures = this.#counter(
    'citadel_server_authentication_failure_count',
    'Certificate requests without a proven identity',
  );

  readonly #size = this.#histogram('pilot_xds_config_size_bytes', 'Bytes of responses', bytesBuckets, ['type']);

  readonly #connected = this.#gauge('pilot_xds', 'Open streams', ['version']);
  readonly #services = this.#gauge('pilot_services', 'Services of the mesh');
  readonly #virtualServices = this.#gauge('pilot_virt_services', 'VirtualServices in force');
  readonly #info = this.#gauge('pilot_info', 'Version of this instance', ['version']);
  readonly #uptime = this.#gauge('istiod_uptime_seconds', 'Seconds since the start');
  readonly #managed = this.#gauge('istiod_managed_clusters', 'Clusters that are read', ['cluster_type']);
  readonly #syncStatus = this.#gauge('istiod_remote_cluster_sync_status', 'Remote clusters by state', ['status']);
  readonly #phase = this.#gauge('isthmus_cluster_phase', '1 for the phase that the cluster is in', [
    'cluster',
    'phase',
  ]);
  readonly #lastEvent = this.#gauge('isthmus_cluster_last_event_age_seconds', 'Seconds since the cluster was heard', [
    'cluster',
  ]);
  readonly #clusterServices = this.#gauge('isthmus_cluster_services', 'Services that the cluster declares', [
    'cluster',
  ]);
  readonly #credentialExpiry = this.#gauge(
    'isthmus_cluster_credential_expiry_timestamp_seconds',
    'When the credentials for the cluster end, Unix time',
    ['cluster'],
  );
  readonly #endpoints = this.#gauge('isthmus_cluster_endpoints', 'Endpoints that the cluster gives', ['cluster']);
  readonly #problems = this.#gauge('isthmus_cluster_problems', 'Findings in the objects of the cluster', [
    'cluster',
    'severity',
  ]);
  readonly #staleSince = this.#gauge(
    'isthmus_cluster_stale_seconds',
    'Seconds since which what is served is not current',
    ['cluster'],
  );
  readonly #gateways = this.#gauge('isthmus_gateways', 'Gateways of networks by what probing says', [
    'network',
    'verdict',
  ]);
  readonly #probes = this.#counter('isthmus_gateway_probes_total', 'Probes of gateways, by result', ['result']);
  readonly #rootExpiry = this.#gauge(
    'citadel_server_root_cert_expiry_timestamp',
    'When the first root ends, Unix time',
  );
  readonly #rejectedNow = new Map(
    rejectTypes.map((type) => [
      type,
      this.#gauge(`pilot_xds_${type}_reject`, `Proxies whose last answer for ${type} was a rejection`),
    ]),
  );

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#info.set({ version: options.version }, 1);
    if (options.process !== false) collectDefaultMetrics({ register: this.registry });
  }

  connected(variant: 'delta' | 'sotw'): void {
    this.#openedStreams.inc({ variant });
  }

  disconnected(variant: 'delta' | 'sotw', code: StreamEndCode): void {
    this.#endedStreams.inc({ variant, code });
  }

  requested(typeUrl: string): void {
    this.#requests.inc({ type: this.#typeLabel(typeUrl) });
  }

  pushed({ typeUrl, bytes, resources, removed }: PushedResponse): void {
    const type = this.#typeLabel(typeUrl);
    this.#pushes.inc({ type });
    this.#size.observe({ type }, bytes);
    this.#sentResources.inc({ type }, resources);
    this.#removedResources.inc({ type }, removed);
  }

  acknowledged(typeUrl: string): void {
    this.#acks.inc({ type: this.#typeLabel(typeUrl) });
  }

  rejected(typeUrl: string): void {
    this.#rejects.inc({ type: this.#typeLabel(typeUrl) });
  }

  expiredNonce(typeUrl: string): void {
    this.#expiredNonces.inc({ type: this.#typeLabel(typeUrl) });
  }

  unknownType(_typeUrl: string): void {
    this.#unknownTypes.inc();
  }

  slowReader(): void {
    this.#slowReaders.inc();
  }

  /** A change set led to a push; `kind` is `endpoint`, `service`, `config`, `networks` or `proxy`. */
  triggered(kind: string): void {
    this.#triggers.inc({ type: kind });
  }

  /** A resource was generated and encoded, once for all proxies of a class. */
  encoded(typeUrl: string): void {
    this.#encodings.inc({ type: this.#typeLabel(typeUrl) });
  }

  /** A gateway of another network was probed. */
  probed(result: 'success' | 'failure'): void {
    this.#probes.inc({ result });
  }

  /** What the certificate service counts. */
  get certificateCounters(): CaCounters {
    return {
      csr_count: this.#csrs,
      success_cert_issuance_count: this.#issued,
      authentication_failure_count: this.#authFailures,
    };
  }

  /** Reads what the instance says of itself; called before each answer to Prometheus. */
  observe(reader: InstanceReader): void {
    const nowMs = this.#options.nowMs();
    this.#uptime.set((nowMs - this.#options.startedAtMs) / 1000);
    this.#observeProxies(reader);
    this.#observeClusters(reader, nowMs);
    this.#observeGateways(reader);
    const mesh = reader.mesh();
    this.#services.set(mesh.services.size);
    const lists = [...mesh.policies.virtualServices.values(), mesh.policies.wildcardVirtualServices];
    this.#virtualServices.set(new Set(lists.flat().map((policy) => policy.source)).size);
    const ends = reader.roots().map((root) => Date.parse(root.notAfter) / 1000);
    if (ends.length > 0) this.#rootExpiry.set(Math.min(...ends));
  }

  /** What a client sends can't make a label of its own. */
  #typeLabel(typeUrl: string): string {
    const name = shortTypeName(typeUrl);
    return name === typeUrl ? 'other' : name;
  }

  #observeProxies(reader: InstanceReader): void {
    const proxies = reader.proxies();
    this.#connected.reset();
    for (const proxy of proxies) this.#connected.inc({ version: proxy.istioVersion });
    for (const [name, gauge] of this.#rejectedNow) {
      const rejecting = proxies.filter((proxy) =>
        proxy.types.some((type) => type.name === name && type.status === 'ERROR'),
      );
      gauge.set(rejecting.length);
    }
  }

  #observeClusters(reader: InstanceReader, nowMs: number): void {
    for (const gauge of [
      this.#staleSince,
      this.#phase,
      this.#lastEvent,
      this.#clusterServices,
      this.#credentialExpiry,
      this.#endpoints,
      this.#problems,
      this.#syncStatus,
    ])
      gauge.reset();
    const clusters = reader.clusters();
    const remotes = clusters.filter((cluster) => cluster.mode === 'discovery-only');
    this.#managed.set({ cluster_type: 'local' }, clusters.length - remotes.length);
    this.#managed.set({ cluster_type: 'remote' }, remotes.length);
    for (const remote of remotes) this.#syncStatus.inc({ status: clusterSyncStatus(remote.phase) });
    for (const cluster of clusters) {
      const label = { cluster: cluster.clusterId };
      this.#phase.set({ ...label, phase: cluster.phase }, 1);
      this.#endpoints.set(label, cluster.endpoints);
      this.#clusterServices.set(label, cluster.services);
      if (cluster.credentialExpiresAt !== undefined) {
        this.#credentialExpiry.set(label, Date.parse(cluster.credentialExpiresAt) / 1000);
      }
      if (cluster.lastEventAt !== undefined) {
        this.#lastEvent.set(label, Math.max(0, (nowMs - Date.parse(cluster.lastEventAt)) / 1000));
      }
      if (cluster.staleSince !== undefined) {
        this.#staleSince.set(label, Math.max(0, (nowMs - Date.parse(cluster.staleSince)) / 1000));
      }
      for (const severity of ['error', 'warning'] as const) {
        const findings = cluster.problems.filter((problem) => problem.severity === severity);
        this.#problems.set({ ...label, severity }, findings.length);
      }
    }
  }

  #observeGateways(reader: InstanceReader): void {
    this.#gateways.reset();
    const { gateways, deadGateways } = reader.mesh();
    for (const gateway of [...gateways.values(), ...deadGateways.values()].flat()) {
      const verdict = reader.gatewayProbe(gateway)?.verdict ?? 'not-probed';
      this.#gateways.inc({ network: gateway.network, verdict });
    }
  }

  #counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #gauge(name: string, help: string, labelNames: readonly string[] = []): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram(name: string, help: string, buckets: number[], labelNames: readonly string[] = []): Histogram {
    return new Histogram({ name, help, buckets, labelNames, registers: [this.registry] });
  }
}
