// Every metric of an instance in one object with a registry of its own. The parts take narrow interfaces and call the
// methods; what can be read from the instance is read when Prometheus asks. Names of istiod are kept for its dashboards.

import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ChangeSet } from '../../discovery/model/change-set.ts';
import type { CaCounters } from '../ca-service.ts';
import { clusterSyncStatus } from './cluster-sync-status.ts';
import type { StreamEndCode } from '../stream/stream-end.ts';
import type { PushedResponse, StreamMetrics } from '../stream/stream-metrics.ts';
import type { ObjectEvent } from '../count-events.ts';
import type { InstanceReader } from './instance-reader.ts';
import { addProcessMetrics } from './process-metrics.ts';
import { TallyHistogram } from './tally-histogram.ts';
import { TypeCounter, typeLabel } from './type-counter.ts';

export interface MetricsOptions {
  readonly version: string;
  readonly startedAtMs: number;
  readonly nowMs: () => number;
  /** Also the metrics of the Node process; on unless false. */
  readonly process?: boolean | undefined;
}

/** From a millisecond, where most pushes of this engine are, to where istiod's buckets end. */
const secondsBuckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 3, 5, 10, 20, 30];
const bytesBuckets = [1, 10_000, 100_000, 1_000_000, 4_000_000, 10_000_000, 40_000_000];
/** Kinds of objects that services and endpoints are made of, in istiod's words; all others are configuration. */
const registryKinds: ReadonlyMap<string, string> = new Map([
  ['Service', 'Services'],
  ['EndpointSlice', 'EndpointSlice'],
  ['Pod', 'Pods'],
  ['Node', 'Nodes'],
  ['Namespace', 'Namespaces'],
]);
const rejectTypes = ['cds', 'eds', 'lds', 'rds'] as const;

export class Metrics implements StreamMetrics {
  readonly registry = new Registry();
  readonly #options: MetricsOptions;

  readonly #pushes = this.#typeCounter('pilot_xds_pushes', 'Responses sent to proxies');
  readonly #rejects = this.#counter('pilot_total_xds_rejects', 'Responses that proxies rejected', ['type']);
  readonly #expiredNonces = this.#counter('pilot_xds_expired_nonce', 'Requests that carried an old nonce', ['type']);
  readonly #triggers = this.#counter('pilot_push_triggers', 'Changes that led to a push', ['type']);
  readonly #openedStreams = this.#counter('isthmus_streams_opened_total', 'Streams opened', ['variant']);
  readonly #endedStreams = this.#counter('isthmus_streams_ended_total', 'Streams ended, by gRPC status', [
    'variant',
    'code',
  ]);
  readonly #requests = this.#typeCounter('isthmus_xds_requests_total', 'Requests received from proxies');
  readonly #acks = this.#typeCounter('isthmus_xds_acks_total', 'Responses that proxies accepted');
  readonly #sentResources = this.#typeCounter('isthmus_xds_resources_sent_total', 'Resources in responses');
  readonly #removedResources = this.#typeCounter('isthmus_xds_resources_removed_total', 'Removals in responses');
  readonly #encodings = this.#typeCounter('isthmus_resources_encoded_total', 'Resources generated and encoded');
  readonly #sentAgain = this.#typeCounter(
    'isthmus_xds_sent_again_total',
    'Parts of rejected responses that were sent again to find out what could not be taken',
  );
  readonly #unknownTypes = this.#counter('isthmus_xds_unknown_types_total', 'Requests for types that are not served');
  readonly #internalErrors = this.#counter('pilot_total_xds_internal_errors', 'Requests that could not be served');
  readonly #inbound = this.#counter('pilot_inbound_updates', 'Hosts and policies that changed', ['type']);
  readonly #configEvents = this.#counter('pilot_k8s_cfg_events', 'Policies told by the primary', ['type', 'event']);
  readonly #registryEvents = this.#counter('pilot_k8s_reg_events', 'Objects told by clusters', ['type', 'event']);
  readonly #slowReaders = this.#counter('isthmus_slow_readers_total', 'Streams closed because nobody read them');
  readonly #csrs = this.#counter('citadel_server_csr_count', 'Certificate requests received');
  readonly #issued = this.#counter('citadel_server_success_cert_issuance_count', 'Certificates issued');
  readonly #authFailures = this.#counter(
    'citadel_server_authentication_failure_count',
    'Certificate requests without a proven identity',
  );

  readonly #pushTime = this.#tally(
    'pilot_xds_push_time',
    'Seconds to encode a response and hand it to the transport',
    secondsBuckets,
    'type',
  );
  readonly #queueTime = this.#tally(
    'pilot_proxy_queue_time',
    'Seconds until the first response that follows from a change is sent to a proxy',
    secondsBuckets,
  );
  readonly #convergence = this.#tally(
    'pilot_proxy_convergence_time',
    'Seconds until a proxy has answered every response that follows from a change',
    secondsBuckets,
  );
  readonly #updateTime = this.#histogram(
    'isthmus_update_duration_seconds',
    'Seconds to generate what follows from a change, for all classes of proxies, and to send what can be sent at once',
    secondsBuckets,
  );
  readonly #size = this.#tally('pilot_xds_config_size_bytes', 'Bytes of responses', bytesBuckets, 'type');

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
    if (options.process !== false) addProcessMetrics(this.registry);
  }

  connected(variant: 'delta' | 'sotw'): void {
    this.#openedStreams.inc({ variant });
  }

  disconnected(variant: 'delta' | 'sotw', code: StreamEndCode): void {
    this.#endedStreams.inc({ variant, code });
  }

  requested(typeUrl: string): void {
    this.#requests.add(typeUrl);
  }

  pushed({ typeUrl, bytes, resources, removed, tookMs }: PushedResponse): void {
    const type = typeLabel(typeUrl);
    this.#pushTime.tally(type, tookMs / 1000);
    this.#pushes.add(typeUrl);
    this.#size.tally(type, bytes);
    this.#sentResources.add(typeUrl, resources);
    if (removed > 0) this.#removedResources.add(typeUrl, removed);
  }

  waited(milliseconds: number): void {
    this.#queueTime.tally('', milliseconds / 1000);
  }

  converged(milliseconds: number): void {
    this.#convergence.tally('', milliseconds / 1000);
  }

  failed(): void {
    this.#internalErrors.inc();
  }

  acknowledged(typeUrl: string): void {
    this.#acks.add(typeUrl);
  }

  rejected(typeUrl: string): void {
    this.#rejects.inc({ type: typeLabel(typeUrl) });
  }

  expiredNonce(typeUrl: string): void {
    this.#expiredNonces.inc({ type: typeLabel(typeUrl) });
  }

  sentAgain(typeUrl: string): void {
    this.#sentAgain.add(typeUrl);
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
    this.#encodings.add(typeUrl);
  }

  /** A change set went through the engine. */
  updated({ services, endpoints, policies }: ChangeSet, tookMs: number): void {
    this.#updateTime.observe(tookMs / 1000);
    if (services.size > 0) this.#inbound.inc({ type: 'svc' }, services.size);
    if (endpoints.size > 0) this.#inbound.inc({ type: 'eds' }, endpoints.size);
    if (policies.size > 0) this.#inbound.inc({ type: 'config' }, policies.size);
  }

  /** A cluster told of an object. */
  told({ kind, event }: ObjectEvent): void {
    const type = registryKinds.get(kind);
    if (type === undefined) this.#configEvents.inc({ type: kind, event });
    else this.#registryEvents.inc({ type, event });
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

  #observeProxies(reader: InstanceReader): void {
    const { versions, rejecting } = reader.proxyCounts();
    this.#connected.reset();
    for (const [version, count] of versions) this.#connected.set({ version }, count);
    for (const [type, gauge] of this.#rejectedNow) gauge.set(rejecting.get(type) ?? 0);
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

  #typeCounter(name: string, help: string): TypeCounter {
    return new TypeCounter({ name, help, registry: this.registry });
  }

  #gauge(name: string, help: string, labelNames: readonly string[] = []): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #tally(name: string, help: string, buckets: readonly number[], label?: string): TallyHistogram {
    return new TallyHistogram({ name, help, buckets, label, registry: this.registry });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, buckets, registers: [this.registry] });
  }
}
