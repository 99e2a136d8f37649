// Debug pages about what was discovered: clusters, services, endpoints, networks. Shapes follow istio/istio
// pilot/pkg/xds/debug.go; what istiod has and Isthmus has no notion of is left out.

import type { ClusterStatus } from '../../../discovery/model/cluster-snapshot.ts';
import type { Endpoint } from '../../../discovery/model/endpoint.ts';
import { formatLocality } from '../../../discovery/model/locality.ts';
import type { MeshSnapshot } from '../../../discovery/model/mesh-snapshot.ts';
import { compareText } from '../../../discovery/model/network-gateway.ts';
import type { MeshService } from '../../../discovery/model/service.ts';
import { clusterSyncStatus } from '../cluster-sync-status.ts';
import { document, type DebugPage } from './debug-page.ts';

export const clusterz: DebugPage = {
  name: 'clusterz',
  help: 'Clusters that this instance reads and how far it is with them',
  render: (reader) => document(reader.clusters().map(clusterEntry)),
};

export const registryz: DebugPage = {
  name: 'registryz',
  help: 'Services of the mesh',
  render: (reader) => document(sortedServices(reader.mesh()).map(serviceEntry)),
};

export const endpointz: DebugPage = {
  name: 'endpointz',
  help: 'Endpoints of every service port',
  render: (reader) => document(endpointEntries(reader.mesh())),
};

export const endpointShardz: DebugPage = {
  name: 'endpointShardz',
  help: 'Endpoints of every service by the cluster that gives them',
  render: (reader) => document(endpointShards(reader.mesh())),
};

export const networkz: DebugPage = {
  name: 'networkz',
  help: 'Gateways into every network',
  render: (reader) =>
    document(
      [...reader.mesh().gateways.values()].flat().map(({ network, clusterId, address, port }) => ({
        Network: network,
        Cluster: clusterId,
        Addr: address,
        Port: port,
      })),
    ),
};

function clusterEntry(cluster: ClusterStatus): Record<string, unknown> {
  return {
    id: cluster.clusterId,
    ...(cluster.mode === 'primary' ? {} : { secretName: cluster.secretName ?? '' }),
    syncStatus: clusterSyncStatus(cluster.phase),
    mode: cluster.mode,
    phase: cluster.phase,
    network: cluster.network,
    lastEventAt: cluster.lastEventAt,
    services: cluster.services,
    endpoints: cluster.endpoints,
    staleSince: cluster.staleSince,
    error: cluster.error,
  };
}

function sortedServices(mesh: MeshSnapshot): readonly MeshService[] {
  return [...mesh.services.values()].toSorted((a, b) => compareText(a.host, b.host));
}

function serviceEntry(service: MeshService): Record<string, unknown> {
  return {
    Attributes: {
      ServiceRegistry: 'Kubernetes',
      Name: service.name,
      Namespace: service.namespace,
      Labels: service.labels,
      ExportTo: service.exportTo,
    },
    ports: service.ports.map(({ name, port, protocol }) => ({ name, port, protocol: protocol.toUpperCase() })),
    creationTime: new Date(service.createdAtMs).toISOString(),
    hostname: service.host,
    clusterVIPs: { Addresses: Object.fromEntries(service.addresses) },
    Resolution: service.kind,
    MeshExternal: service.kind === 'external-name',
    ClusterLocal: service.clusterLocal,
    Clusters: service.clusters,
  };
}

function endpointEntries(mesh: MeshSnapshot): readonly Record<string, unknown>[] {
  return sortedServices(mesh).flatMap((service) =>
    service.ports.map((port) => ({
      svc: `${service.host}:${port.name}`,
      ep: (mesh.endpoints.get(service.host) ?? [])
        .filter((endpoint) => endpoint.ports[port.name] !== undefined)
        .map((endpoint) => endpointEntry(endpoint, port.name)),
    })),
  );
}

function endpointShards(mesh: MeshSnapshot): Record<string, unknown> {
  return Object.fromEntries(
    sortedServices(mesh).map((service) => {
      const endpoints = mesh.endpoints.get(service.host) ?? [];
      const shards = Object.groupBy(endpoints, (endpoint) => `Kubernetes/${endpoint.clusterId}`);
      const rendered = Object.entries(shards).map(([shard, list = []]) => [shard, list.flatMap(endpointsByPort)]);
      const accounts = new Set(endpoints.map((endpoint) => serviceAccountOf(endpoint, mesh.config.trustDomain)));
      return [
        service.host,
        {
          [service.namespace]: {
            Shards: Object.fromEntries(rendered),
            ServiceAccounts: Object.fromEntries([...accounts].toSorted(compareText).map((account) => [account, {}])),
          },
        },
      ];
    }),
  );
}

function endpointsByPort(endpoint: Endpoint): readonly Record<string, unknown>[] {
  return Object.keys(endpoint.ports).map((name) => endpointEntry(endpoint, name));
}

const healthStatusOf: Readonly<Record<Endpoint['health'], number>> = { healthy: 1, unhealthy: 2, draining: 3 };

function endpointEntry(endpoint: Endpoint, portName: string): Record<string, unknown> {
  return {
    Labels: endpoint.labels,
    Addresses: [endpoint.address],
    ServicePortName: portName,
    ServiceAccount: endpoint.workload.serviceAccount,
    Network: endpoint.network,
    Locality: { Label: formatLocality(endpoint.locality), ClusterID: endpoint.clusterId },
    EndpointPort: endpoint.ports[portName],
    LbWeight: endpoint.weight,
    TLSMode: endpoint.tlsMode,
    Namespace: endpoint.workload.namespace,
    WorkloadName: endpoint.workload.name,
    HostName: endpoint.hostname ?? '',
    HealthStatus: healthStatusOf[endpoint.health],
  };
}

function serviceAccountOf(endpoint: Endpoint, trustDomain: string): string {
  return `spiffe://${trustDomain}/ns/${endpoint.workload.namespace}/sa/${endpoint.workload.serviceAccount}`;
}
