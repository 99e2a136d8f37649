// Wires one instance: sources to registries to the mesh to the cache to the streams, with the authority and the readers
// beside them. Nothing here decides anything; every part is given what it needs.

import { once } from 'node:events';
import { hostname } from 'node:os';
import packageJson from '../package.json' with { type: 'json' };
import { systemClock } from '../ca/clock.ts';
import { loadMessages } from '../proto/descriptor.ts';
import { EndOfTurn } from '../discovery/model/end-of-turn.ts';
import { MeshStore } from '../discovery/mesh/mesh-store.ts';
import type { Problem } from '../discovery/model/problem.ts';
import { DirectorySecrets } from './credentials/directory-secrets.ts';
import { GatewayCredentials } from './credentials/gateway-credentials.ts';
import { KubeSecrets } from './credentials/kube-secrets.ts';
import { applyMeshSettings } from './apply-mesh-settings.ts';
import { controlPlaneId } from './admin/control-plane-id.ts';
import { FindingMetrics } from './admin/finding-metrics.ts';
import { Metrics } from './admin/metrics.ts';
import { pushTrigger } from './admin/push-trigger.ts';
import { authenticators } from './authenticators.ts';
import { readBuildInfo, versionText } from './build-info.ts';
import { addCacheMetrics } from './admin/cache-metrics.ts';
import { ResourceCache } from './cache/resource-cache.ts';
import { openClusters, runClusters } from './clusters.ts';
import type { ServeConfig } from './config.ts';
import { openGrpcPorts } from './grpc-ports.ts';
import { openHttpPorts } from './http-ports.ts';
import { Started, stopSignal } from './lifecycle.ts';
import { createLog, type Log } from './log.ts';
import { readMeshSettings } from './mesh-config-file.ts';
import { MeshFindings, withoutRepeats } from './mesh-findings.ts';
import { HeardMachines } from './machines/heard-machines.ts';
import { MeshRoots } from './mesh-roots.ts';
import { openAdmission } from './open-admission.ts';
import { objectCheck } from './validate/object-check.ts';
import type { DeclaredProxyConfigs } from './inject/declared-proxy-config.ts';
import { openAuthority, type OpenedAuthority } from './open-authority.ts';
import { openDiff } from './open-diff.ts';
import { openInjection } from './open-injection.ts';
import { openMachines } from './open-machines.ts';
import { openObjectStates, statusWriters } from './open-object-status.ts';
import { openRehearsal } from './open-rehearsal.ts';
import { openRejections } from './open-rejections.ts';
import { openTokenKeys } from './open-token-keys.ts';
import { openWorkers } from './open-workers.ts';
import { openProber } from './open-prober.ts';
import { openPrimary, runWriters, tokenReviewer } from './open-primary.ts';
import { ProblemLog } from './problem-log.ts';
import { PrimaryMetrics } from './primary-metrics.ts';
import { ProxySessions } from './proxy-sessions.ts';
import { Readiness } from './readiness.ts';
import { runningInstance } from './running-instance.ts';
import { ConnectionSet } from './stream/connection-set.ts';
import { NameSetPool } from './stream/name-set.ts';
import { SharedAnswers } from './stream/shared-answers.ts';
import { defaultStreamLimits } from './stream/stream-limits.ts';
import { ToolSessions } from './tool-sessions.ts';

/** Serving waits this long for remotes after the primary has synced. */
const remoteGraceMs = 2000;

interface Starting {
  readonly config: ServeConfig;
  readonly log: Log;
  readonly started: Started;
  /** Aborts when the instance is told to stop. */
  readonly signal: AbortSignal;
}

/**
 * Runs an instance until SIGTERM or SIGINT, then drains its streams.
 * @throws ConfigError or CaError when it can't start, with one sentence that says what to do
 */
export async function serve(config: ServeConfig): Promise<void> {
  const log = createLog(config.logLevel);
  const started = new Started();
  const stop = stopSignal((name) => log.info({ signal: name }, 'stopping'));
  try {
    await start({ config, log, started, signal: stop.signal });
    log.info({ cluster: config.clusterId, network: config.network, ports: config.ports }, 'serving');
    if (!stop.signal.aborted) await once(stop.signal, 'abort');
  } finally {
    await started.stop((name, error) => log.error({ part: name, error }, 'a part did not stop as it should'));
    stop.dispose();
  }
}

async function start({ config: given, log, started, signal }: Starting): Promise<void> {
  const build = await readBuildInfo(packageJson.version, new URL('../build-info.json', import.meta.url));
  const version = versionText(build);
  const metrics = new Metrics({ version, startedAtMs: Date.now(), nowMs: Date.now });
  const { config: meshConfig, meshNetworks } = await readMeshSettings(given, log);
  // A mesh configuration file may name the trust domain; certificates and authentication go by the same one.
  const config = { ...given, trustDomain: meshConfig.trustDomain };
  const client = openPrimary(config, started);
  const primary = client === undefined ? undefined : { client, metrics: new PrimaryMetrics(metrics.registry) };
  const directorySecrets = new DirectorySecrets();
  const heardMachines = new HeardMachines();
  const states = openObjectStates(config, client);
  const endOfTurn = new EndOfTurn();
  const clusters = await openClusters({
    config,
    mesh: meshConfig,
    meshNetworks,
    log,
    onEvent: (event) => metrics.told(event),
    secrets: primary === undefined ? directorySecrets : undefined,
    machines: heardMachines,
    sightings: states,
    atEndOfTurn: endOfTurn.tell,
  });

  const store = new MeshStore({
    primary: config.clusterId,
    config: meshConfig,
    meshNetworks,
    staleRule: { policy: config.stalePolicy, afterMs: config.staleAfterMs },
    onRetired: (feed) => clusters.remotes.retire(feed),
    schedule: endOfTurn.work,
  });
  started.add('mesh', () => store.close());
  const tokenKeys = openTokenKeys({ store, clock: systemClock, started, addresses: config.jwksAddresses });
  const cache = new ResourceCache(store.snapshot, (typeUrl) => metrics.encoded(typeUrl));
  addCacheMetrics(metrics.registry, cache);
  store.onChange((snapshot, change) => {
    metrics.triggered(pushTrigger(change));
    const startedMs = performance.now();
    cache.update(snapshot, change);
    metrics.updated(change, performance.now() - startedMs);
  });
  let authority: OpenedAuthority | undefined;
  let isListening = false;
  const readiness = new Readiness({
    primary: clusters.primary,
    listening: () => isListening,
    remotes: () => clusters.remotes.registries(),
    gatewaysKnown: () => clusters.gatewayNames.settled,
    tokenKeysKnown: () => tokenKeys.settled(),
    now: Date.now,
    remoteGraceMs,
  });
  const trustDomains = [meshConfig.trustDomain, ...meshConfig.trustDomainAliases];
  const roots = new MeshRoots();
  const secrets = primary === undefined ? directorySecrets : new KubeSecrets({ client: primary.client, log });
  started.add('credentials of gateways', () => secrets.close());
  const credentials = new GatewayCredentials({ feed: secrets, now: Date.now, mesh: () => store.snapshot });
  store.onChange(() => credentials.update());
  const machines = openMachines({ heard: heardMachines, client, registry: metrics.registry, log, started });
  const sessions = new ProxySessions({
    cache,
    credentials,
    machines,
    defaultClusterId: config.clusterId,
    defaultNetwork: config.network,
    trustDomains,
    roots: () => roots.snapshot,
    now: Date.now,
    ready: () => readiness.serving(),
    onRejection: ({ nodeId }, { typeUrl, message, blamed }) =>
      rejections.report({ nodeId, typeUrl, said: message, blamed }),
  });
  const connections = new ConnectionSet();
  const rejections = openRejections({
    connections,
    primary: clusters.primary,
    store,
    cache,
    registry: metrics.registry,
    log,
    started,
  });
  const prober = openProber({ config, store, primary: clusters.primary, metrics, log, started });

  const problemLog = new ProblemLog(log);
  const findings = new MeshFindings({
    store,
    ready: () => readiness.serving(),
    onSearched: (durationMs) => findingMetrics.searched(durationMs),
    onChange: (problems) => problemLog.update({ clusterId: config.clusterId, problems }),
  });
  started.add('findings', () => findings.close());
  const otherProblems = (): readonly Problem[] => [
    ...(authority?.problems() ?? []),
    ...tokenKeys.problems(),
    ...credentials.problems(),
    ...rejections.problems(),
    ...withoutRepeats(findings.current, cache.problems()),
  ];
  const reader = runningInstance({
    version,
    store,
    sessions,
    connections,
    prober,
    describeRemote: (status) => clusters.remotes.describe(status),
    authority: () => authority?.issuer.material,
    problems: otherProblems,
    readiness: () => readiness.report(),
  });
  const findingMetrics = new FindingMetrics(metrics.registry, reader);
  const diff = openDiff({ config, meshConfig, cache, store, primary: clusters.primary });
  await openHttpPorts({ config, log, started, reader, metrics, diff });
  runClusters({ clusters, store, log, started });
  const startSettings = { config: meshConfig, meshNetworks };
  applyMeshSettings({ config, startSettings, store, clusters, log, started });
  // After the HTTP ports: while the authority can't be read they say so.
  authority = await openAuthority({ config, client, log, started, signal });
  if (signal.aborted) return;
  const issuer = authority?.issuer;
  if (issuer !== undefined) {
    const takeRoots = (): void => {
      store.setOwnRoots(issuer.material.rootsPem);
      roots.replace(issuer.material);
      sessions.rootsChanged();
    };
    takeRoots();
    issuer.changes.on('replaced', takeRoots);
  }
  // While the API server puts its lists together, rather than when the first proxy waits.
  loadMessages();
  const workers = await openWorkers({ config, log, registry: metrics.registry, started, signal });
  const door = openAdmission({ config, log, registry: metrics.registry, proxies: sessions, servants: workers });
  await openGrpcPorts({
    config,
    log,
    started,
    workers,
    ...door,
    context: {
      source: new ToolSessions({
        proxies: door.proxies,
        reader,
        trustDomains,
        systemNamespace: config.systemNamespace,
        controlPlane: controlPlaneId(hostname(), build),
      }),
      connections,
      names: new NameSetPool(),
      answers: new SharedAnswers(),
      limits: defaultStreamLimits,
      metrics,
      log,
      now: Date.now,
    },
    authority:
      issuer === undefined
        ? undefined
        : {
            issuer,
            authenticators: authenticators({
              config,
              issuer,
              clock: systemClock,
              trustDomains,
              primary: () => clusters.primary.snapshot,
              review: primary === undefined ? undefined : tokenReviewer(primary.client, primary.metrics, started),
            }),
          },
    counters: metrics.certificateCounters,
  });
  const check = objectCheck({
    config,
    mesh: () => store.snapshot,
    primary: clusters.primary,
    meshDefaults: startSettings,
  });
  const declared = (): DeclaredProxyConfigs | undefined => {
    const { policies, config: settings } = store.snapshot;
    const { rootNamespace } = settings;
    return clusters.primary.known ? { policies: policies.proxyConfigs, rootNamespace } : undefined;
  };
  await openInjection({ config, domain: meshConfig.domain, client, issuer, check, declared, metrics, log, started });
  isListening = true;
  started.add('streams', () => drain(connections, config.drainMs));
  const ready = (): boolean => readiness.report().ready;
  openRehearsal({ config, ready, primary: clusters.primary, connections, log, started });
  // Stopped first, so that another replica can lead while the streams of this one end.
  if (primary !== undefined && issuer !== undefined) {
    const statuses = statusWriters({
      states,
      client: primary.client,
      primary: clusters.primary,
      remotes: clusters.remotes,
      readiness,
      findings,
      problems: otherProblems,
      registry: metrics.registry,
      log,
    });
    runWriters({ ...primary, config, issuer, others: [machines.cleaner, ...statuses], log, started });
  }
}

/** Streams end one by one over half of the time; what is left then ends at once. */
function drain(connections: ConnectionSet, drainMs: number): Promise<void> {
  const end = { code: 'UNAVAILABLE', message: 'the control plane is stopping; connect again' } as const;
  return connections.drain(end, { spreadMs: drainMs / 2, signal: AbortSignal.timeout(drainMs) });
}
