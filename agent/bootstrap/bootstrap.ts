// Envoy's bootstrap: who it is, where its secrets and its configuration come from, and no more. Pure. In: the node, the addresses, the
// ports. Out: an object whose JSON Envoy reads; field names are camelCase, which it takes as well as those of the .proto files.

import type { BootstrapNode } from './node.ts';
import {
  adminCluster,
  adminClusterName,
  agentCluster,
  agentClusterName,
  controlPlaneCluster,
  secretCluster,
} from './static-clusters.ts';
import type { ControlPlaneAddress } from './static-clusters.ts';
import { healthListener, prometheusListener } from './static-listeners.ts';

export type AdsVariant = 'delta' | 'sotw';

export type BootstrapOptions = {
  readonly node: BootstrapNode;
  readonly controlPlane: ControlPlaneAddress;
  readonly ads: AdsVariant;
  readonly secretSocketPath: string;
  readonly adminPort: number;
  /** 0 leaves the listener out. */
  readonly healthPort: number;
  readonly prometheusPort: number;
  /** Where the agent shows metrics under the names of Istio's; absent: Envoy's own are shown. */
  readonly statusPort?: number | undefined;
};

export function bootstrap(options: BootstrapOptions): object {
  const { node, controlPlane, ads, secretSocketPath, adminPort, healthPort, prometheusPort, statusPort } = options;
  const fromControlPlane = { ads: {}, initialFetchTimeout: '0s', resourceApiVersion: 'V3' };
  return {
    node,
    admin: { address: { socketAddress: { address: '127.0.0.1', portValue: adminPort } } },
    dynamicResources: {
      ldsConfig: fromControlPlane,
      cdsConfig: fromControlPlane,
      adsConfig: {
        apiType: ads === 'delta' ? 'DELTA_GRPC' : 'GRPC',
        transportApiVersion: 'V3',
        setNodeOnFirstMessageOnly: true,
        grpcServices: [{ envoyGrpc: { clusterName: 'xds-grpc' } }],
      },
    },
    staticResources: {
      clusters: [
        secretCluster(secretSocketPath),
        controlPlaneCluster(controlPlane),
        adminCluster(adminPort),
        ...(statusPort === undefined ? [] : [agentCluster(statusPort)]),
      ],
      listeners: [
        ...(healthPort === 0 ? [] : [healthListener(healthPort)]),
        ...(prometheusPort === 0
          ? []
          : [prometheusListener(prometheusPort, statusPort === undefined ? adminClusterName : agentClusterName)]),
      ],
    },
    layeredRuntime: {
      layers: [
        {
          name: 'static',
          // Patterns in routes are the operator's own, so Envoy's guard against large ones is far too low.
          staticLayer: { 're2.max_program_size.error_level': 32_768 },
        },
      ],
    },
  };
}
