// Which logical network an address of one Kubernetes cluster is on. Precedence: the workload's own label, the system
// namespace's label, MeshNetworks by registry, MeshNetworks by CIDR block, the option.

import { isIP } from 'node:net';
import type { MeshNetworks } from '../model/mesh-config.ts';
import { networkId, type ClusterId, type NetworkId } from '../model/names.ts';
import { cidrContains } from './address.ts';

export interface NetworkLookup {
  /** The cluster's network as a whole. */
  readonly network: NetworkId;
  /** What declares it, when that is not the option and says otherwise: the option has no effect. */
  readonly overruledBy?: 'label' | 'MeshNetworks' | undefined;
  /** The network of one workload address; `declared` is what the workload itself says. */
  networkOf(address: string, declared: string | undefined): NetworkId;
  /** The network in whose CIDR blocks of MeshNetworks an IP address is. */
  blockOf(address: string): NetworkId | undefined;
}

export interface NetworkSources {
  readonly clusterId: ClusterId;
  /** Label of the system namespace. */
  readonly namespaceLabel: string | undefined;
  readonly meshNetworks: MeshNetworks;
  /** The option; empty: unnamed. */
  readonly configured: NetworkId;
}

export function networkLookup(sources: NetworkSources): NetworkLookup {
  const { namespaceLabel, meshNetworks, configured } = sources;
  const labelled = namespaceLabel === undefined || namespaceLabel === '' ? undefined : networkId(namespaceLabel);
  const byRegistry = meshNetworks.networks.find((entry) => entry.fromRegistries.includes(sources.clusterId))?.network;
  const wide = labelled ?? byRegistry;
  const blocks = meshNetworks.networks.flatMap((entry) =>
    entry.fromCidrs.map((cidr) => ({ cidr, network: entry.network })),
  );
  const isOverruled = configured !== '' && wide !== undefined && wide !== configured;
  const blockOf = (address: string): NetworkId | undefined =>
    isIP(address) === 0 ? undefined : blocks.find((block) => cidrContains(block.cidr, address))?.network;
  return {
    network: wide ?? configured,
    overruledBy: isOverruled ? (labelled === undefined ? 'MeshNetworks' : 'label') : undefined,
    networkOf(address, declared) {
      if (declared !== undefined && declared !== '') return networkId(declared);
      if (wide !== undefined) return wide;
      return blockOf(address) ?? configured;
    },
    blockOf,
  };
}
