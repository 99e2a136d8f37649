// Derives a cluster's snapshot from its index, again only for what was affected. In: the index. Out: the next snapshot, which
// keeps the reference of every value that did not change, and the change set.

import { isDeepStrictEqual } from 'node:util';
import { declaredGateways, type UnresolvedGateway } from '../convert/network-gateways.ts';
import { networkLookup, type NetworkLookup } from '../convert/network-lookup.ts';
import { label } from '../convert/well-known.ts';
import type { WorkloadDeclaration } from '../convert/workload-declaration.ts';
import { noChange, type ChangeSet } from '../model/change-set.ts';
import type { ClusterMode, ClusterSnapshot } from '../model/cluster-snapshot.ts';
import type { Endpoint } from '../model/endpoint.ts';
import { unknownLocality } from '../model/locality.ts';
import type { MeshNetworks, MeshSettings } from '../model/mesh-config.ts';
import { objectKey, serviceHostname, type ClusterId, type Hostname, type NetworkId } from '../model/names.ts';
import { compareText } from '../model/network-gateway.ts';
import { PersistentMap } from '../model/persistent-map.ts';
import type { Problem } from '../model/problem.ts';
import type { RemoteSecret } from '../model/remote-secret.ts';
import type { ResolvedName } from '../model/resolved-name.ts';
import type { ServiceEntryHost } from '../model/service-entry-host.ts';
import type { ClusterService } from '../model/service.ts';
import type { Workload } from '../model/workload.ts';
import { buildEndpoints } from './build-endpoints.ts';
import type { Affected } from './affected.ts';
import type { ClusterIndex } from './cluster-index.ts';
import type { FoldContext } from './fold-object.ts';
import { keepEqualEndpoints } from './keep-equal-endpoints.ts';
import { serviceEntryHost } from './service-entry-hosts.ts';

export interface DerivationOptions {
  readonly meshDefaults: MeshSettings;
  readonly clusterId: ClusterId;
  readonly mode: ClusterMode;
  readonly domain: string;
  readonly systemNamespace: string;
  readonly configuredNetwork: NetworkId;
  readonly meshNetworks: MeshNetworks;
  readonly resolve: (hostname: string) => ResolvedName;
  readonly index: ClusterIndex;
}

/** Counters since the start. */
export interface DerivationWork {
  /** Services whose endpoints were built. */
  readonly services: number;
  /** Workload addresses looked at. */
  readonly workloads: number;
}

export class Derivation {
  readonly context: FoldContext;
  readonly #options: DerivationOptions;
  meshNetworks: MeshNetworks;
  gatewayProblems: readonly Problem[] = [];
  networkProblems: readonly Problem[] = [];
  endpointCount = 0;
  #networks: NetworkLookup;
  #snapshot: ClusterSnapshot;
  #servicesBuilt = 0;
  #workloadsBuilt = 0;

  /** `from`: what was derived so far is taken over. */
  constructor(options: DerivationOptions, from?: Derivation) {
    this.#options = options;
    this.context = options;
    this.meshNetworks = options.meshNetworks;
    this.#networks = this.#lookup();
    this.#snapshot = from?.snapshot ?? {
      clusterId: options.clusterId,
      mode: options.mode,
      network: this.#networks.network,
      services: PersistentMap.empty<Hostname, ClusterService>(),
      endpoints: PersistentMap.empty<Hostname, readonly Endpoint[]>(),
      gateways: [],
      workloads: PersistentMap.empty<string, Workload>(),
      policies: PersistentMap.empty(),
      serviceAccountTokens: new Map(),
    };
  }

  get snapshot(): ClusterSnapshot {
    return this.#snapshot;
  }

  /** What follows from another index over the one of this derivation, which stays as it is. */
  over(index: ClusterIndex, resolve: DerivationOptions['resolve']): Derivation {
    return new Derivation({ ...this.#options, meshNetworks: this.meshNetworks, index, resolve }, this);
  }

  get work(): DerivationWork {
    return { services: this.#servicesBuilt, workloads: this.#workloadsBuilt };
  }

  /** Brings the snapshot up to date with the index and says what differs. */
  derive(): ChangeSet {
    const affected = this.#options.index.takeAffected();
    const before = this.#snapshot;
    if (affected.network) {
      this.#networks = this.#lookup();
      this.networkProblems = networkProblems(this.#networks, this.#options);
    }
    const services = this.#services(affected);
    const endpoints = this.#endpoints(affected);
    const serviceEntries = this.#serviceEntries();
    const policies = before.policies.with(
      [...affected.policies].map((key) => [key, this.#options.index.policies.get(key)] as const),
    );
    const workloads = this.#workloads(affected);
    const gateways = affected.gateways ? this.#gateways() : before.gateways;
    const next: ClusterSnapshot = {
      ...before,
      network: this.#networks.network,
      services,
      endpoints,
      serviceEntries,
      gateways: isDeepStrictEqual(gateways, before.gateways) ? before.gateways : gateways,
      workloads,
      policies,
      serviceAccountTokens: affected.tokens ? this.#tokens() : before.serviceAccountTokens,
      publishedRoots: affected.roots ? this.#roots() : before.publishedRoots,
      meshSettings: this.#options.index.meshSettings,
      remoteSecrets: affected.remoteSecrets ? this.#remoteSecrets() : before.remoteSecrets,
    };
    if (isSame(before, next)) return noChange;
    this.#snapshot = next;
    return {
      services: new Set(services.changedSince(before.services)).union(
        new Set(serviceEntries?.changedSince(before.serviceEntries ?? noServiceEntries)),
      ),
      endpoints: new Set(endpoints.changedSince(before.endpoints)),
      policies: new Set(policies.changedSince(before.policies)),
      workloads: new Set(workloads.changedSince(before.workloads)),
      gateways: next.gateways !== before.gateways,
      everything: next.network !== before.network,
    };
  }

  #lookup(): NetworkLookup {
    return networkLookup({
      clusterId: this.#options.clusterId,
      namespaceLabel: this.#options.index.systemNetworkLabel,
      meshNetworks: this.meshNetworks,
      configured: this.#options.configuredNetwork,
    });
  }

  #hostOf(name: string): Hostname {
    const [namespace = '', service = ''] = name.split('/');
    return serviceHostname(service, namespace, this.#options.domain);
  }

  #services(affected: Affected): ClusterSnapshot['services'] {
    const before = this.#snapshot.services;
    const changes: [Hostname, ClusterService | undefined][] = [];
    for (const name of affected.services) {
      const host = this.#hostOf(name);
      const next = this.#options.index.services.get(name)?.service;
      if (!isDeepStrictEqual(before.get(host), next)) changes.push([host, next]);
    }
    return before.with(changes);
  }

  #endpoints(affected: Affected): ClusterSnapshot['endpoints'] {
    const before = this.#snapshot.endpoints;
    const changes: [Hostname, readonly Endpoint[] | undefined][] = [];
    for (const name of affected.services) {
      const host = this.#hostOf(name);
      const declaration = this.#options.index.services.get(name);
      const old = before.get(host) ?? [];
      const built = keepEqualEndpoints(old, declaration === undefined ? [] : this.#build(declaration));
      if (old === built || old.length + built.length === 0) continue;
      this.endpointCount += built.length - old.length;
      changes.push([host, built.length === 0 ? undefined : built]);
    }
    return before.with(changes);
  }

  #build(declaration: Parameters<typeof buildEndpoints>[0]): readonly Endpoint[] {
    this.#servicesBuilt += 1;
    if (declaration.service.kind === 'external-name') return [];
    const { clusterId, mode, index } = this.#options;
    return buildEndpoints(declaration, { clusterId, mode, index, networks: this.#networks });
  }

  /** Absent while there never was any. */
  #serviceEntries(): ClusterSnapshot['serviceEntries'] {
    const before = this.#snapshot.serviceEntries ?? noServiceEntries;
    const { clusterId, mode, index } = this.#options;
    const context = { clusterId, mode, index, networks: this.#networks };
    const changes: [Hostname, readonly ServiceEntryHost[] | undefined][] = [];
    for (const host of index.serviceEntries.takeTouched()) {
      const declaring = index.serviceEntries.declaring(host);
      const next = declaring.map((declaration) => serviceEntryHost(declaration, host, context));
      if (!isDeepStrictEqual(before.get(host) ?? [], next)) changes.push([host, next.length === 0 ? undefined : next]);
    }
    return changes.length === 0 ? this.#snapshot.serviceEntries : before.with(changes);
  }

  #workloads(affected: Affected): ClusterSnapshot['workloads'] {
    const before = this.#snapshot.workloads;
    if (this.#options.mode !== 'primary') return before;
    const changes: [string, Workload | undefined][] = [];
    for (const address of affected.addresses) {
      this.#workloadsBuilt += 1;
      const declaration = this.#options.index.workloads.at(address);
      const next = declaration === undefined ? undefined : this.#workload(declaration, address);
      if (!isDeepStrictEqual(before.get(address), next)) changes.push([address, next]);
    }
    return before.with(changes);
  }

  #workload(declaration: WorkloadDeclaration, address: string): Workload {
    const node = declaration.nodeName === undefined ? undefined : this.#options.index.nodes.get(declaration.nodeName);
    return {
      identity: declaration.identity,
      addresses: declaration.addresses,
      labels: declaration.labels,
      locality: declaration.locality ?? node?.locality ?? unknownLocality,
      network: this.#networks.networkOf(address, declaration.network),
      tlsMode: declaration.tlsMode,
      namedPorts: declaration.namedPorts,
    };
  }

  #gateways(): ClusterSnapshot['gateways'] {
    const { clusterId, index, resolve } = this.#options;
    const { gateways, unresolved } = declaredGateways({
      clusterId,
      services: index.entryServices.values(),
      resources: index.gatewayResources.values(),
      nodes: [...index.nodes.values()],
      meshNetworks: this.meshNetworks,
      resolve,
    });
    this.gatewayProblems = unresolved.map((gateway) => unresolvedProblem(gateway));
    return gateways;
  }

  #tokens(): ClusterSnapshot['serviceAccountTokens'] {
    const entries = [...this.#options.index.tokens].toSorted(([a], [b]) => compareText(a, b));
    return new Map(
      entries.map(([, { token, namespace, serviceAccount }]) => [token, { namespace, serviceAccount }] as const),
    );
  }

  /** The declaration that is in force for a cluster comes first: that of the oldest Secret, then of the first by name. */
  #remoteSecrets(): readonly RemoteSecret[] {
    return [...this.#options.index.remoteSecrets.values()]
      .flat()
      .toSorted(
        (a, b) =>
          compareText(a.clusterId, b.clusterId) || a.createdAtMs - b.createdAtMs || compareText(a.secret, b.secret),
      );
  }

  /** Of the system namespace, else of the first namespace that has any. */
  #roots(): string | undefined {
    const { roots } = this.#options.index;
    const [first] = [...roots.keys()].toSorted();
    return roots.get(this.#options.systemNamespace) ?? (first === undefined ? undefined : roots.get(first));
  }
}

const noServiceEntries = PersistentMap.empty<Hostname, readonly ServiceEntryHost[]>();

/** Nothing got a new reference, so nobody needs the new snapshot. */
function isSame(before: ClusterSnapshot, next: ClusterSnapshot): boolean {
  return (
    before.network === next.network &&
    before.services === next.services &&
    before.endpoints === next.endpoints &&
    before.serviceEntries === next.serviceEntries &&
    before.gateways === next.gateways &&
    before.workloads === next.workloads &&
    before.policies === next.policies &&
    before.serviceAccountTokens === next.serviceAccountTokens &&
    before.publishedRoots === next.publishedRoots &&
    before.meshSettings === next.meshSettings &&
    before.remoteSecrets === next.remoteSecrets
  );
}

/** The option says one network and the cluster another. */
function networkProblems(
  { network, overruledBy }: NetworkLookup,
  { mode, clusterId, systemNamespace, configuredNetwork }: DerivationOptions,
): readonly Problem[] {
  if (overruledBy === undefined) return [];
  const option = mode === 'primary' ? '--network' : `the annotation ${label.network} of its Secret`;
  const isLabel = overruledBy === 'label';
  const other = isLabel ? `the label ${label.network} of the namespace ${systemNamespace}` : 'MeshNetworks';
  const message =
    `${option} says that ${clusterId} is on ${configuredNetwork}, and ${other} says ${network}: ` +
    `${isLabel ? 'the label wins' : 'MeshNetworks wins'}, so its workloads are on ${network}. Make both say the same.`;
  return [
    {
      severity: 'warning',
      code: 'network-differs',
      ...(isLabel
        ? { object: objectKey('Namespace', '', systemNamespace), field: `metadata.labels["${label.network}"]` }
        : {}),
      message,
    },
  ];
}

function unresolvedProblem(gateway: UnresolvedGateway): Problem {
  const { object, field, origin, hostname, error, isKept, remedy } = gateway;
  const why = error === undefined ? '' : ` (${error})`;
  const effect = isKept ? 'its addresses of before are used' : 'it contributes no gateway';
  return {
    severity: 'warning',
    code: 'unresolved-gateway',
    object,
    field,
    ...(origin === undefined ? {} : { origin }),
    message:
      `the gateway's host name ${hostname} is not resolved to an address${why}, so ${effect}: ` +
      `check its DNS record, or ${remedy}.`,
  };
}
