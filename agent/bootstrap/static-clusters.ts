// The clusters that Envoy has before it knows a control plane: where its secrets and its configuration come from. Pure. The names
// are Istio's; control planes know them as taken.

import { isIP } from 'node:net';
import { secretNames } from '../secrets/secret-snapshot.ts';

export type ControlPlaneAddress = {
  readonly host: string;
  readonly port: number;
  /** The name that has to be in its certificate. */
  readonly serverName: string;
};

const http2 = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicitHttpConfig: { http2ProtocolOptions: {} },
  },
} as const;

/** The agent's own socket. */
export function secretCluster(socketPath: string): object {
  return {
    name: 'sds-grpc',
    type: 'STATIC',
    connectTimeout: '1s',
    typedExtensionProtocolOptions: http2,
    loadAssignment: assignment('sds-grpc', { pipe: { path: socketPath } }),
  };
}

/**
 * The control plane itself, over mutual TLS with the workload's certificate. Envoy connects directly and not through the agent: every
 * byte is copied once less, the control plane sees the identity of the proxy on the connection, and configuration streams live on
 * while the agent is restarted.
 */
export function controlPlaneCluster({ host, port, serverName }: ControlPlaneAddress): object {
  return {
    name: 'xds-grpc',
    type: isIP(host) === 0 ? 'STRICT_DNS' : 'STATIC',
    dnsLookupFamily: 'ALL',
    connectTimeout: '5s',
    typedExtensionProtocolOptions: http2,
    // A control plane that vanished without closing its connections is noticed within half a minute.
    upstreamConnectionOptions: { tcpKeepalive: { keepaliveTime: 10, keepaliveInterval: 5, keepaliveProbes: 3 } },
    loadAssignment: assignment('xds-grpc', { socketAddress: { address: host, portValue: port } }),
    transportSocket: {
      name: 'envoy.transport_sockets.tls',
      typedConfig: {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
        sni: serverName,
        commonTlsContext: {
          alpnProtocols: ['h2'],
          tlsParams: { tlsMinimumProtocolVersion: 'TLSv1_2', tlsMaximumProtocolVersion: 'TLSv1_3' },
          tlsCertificateSdsSecretConfigs: [secretSource(secretNames.certificate)],
          combinedValidationContext: {
            defaultValidationContext: {
              matchTypedSubjectAltNames: [{ sanType: 'DNS', matcher: { exact: serverName } }],
            },
            validationContextSdsSecretConfig: secretSource(secretNames.roots),
          },
        },
      },
    },
  };
}

export const adminClusterName = 'prometheus_stats';

/** Envoy's own admin interface, for the listeners that show parts of it. */
export function adminCluster(port: number): object {
  return localCluster(adminClusterName, port);
}

export const agentClusterName = 'agent';

/** The port of the agent that kubelets and Prometheus ask. */
export function agentCluster(port: number): object {
  return localCluster(agentClusterName, port);
}

function localCluster(name: string, port: number): object {
  const endpoint = { socketAddress: { address: '127.0.0.1', portValue: port } };
  return { name, type: 'STATIC', connectTimeout: '0.25s', loadAssignment: assignment(name, endpoint) };
}

function secretSource(name: string): object {
  return {
    name,
    sdsConfig: {
      resourceApiVersion: 'V3',
      // Envoy starts after the first certificate is there; should it be slow all the same, waiting is right.
      initialFetchTimeout: '0s',
      apiConfigSource: {
        apiType: 'GRPC',
        transportApiVersion: 'V3',
        setNodeOnFirstMessageOnly: true,
        grpcServices: [{ envoyGrpc: { clusterName: 'sds-grpc' } }],
      },
    },
  };
}

function assignment(clusterName: string, address: object): object {
  return { clusterName, endpoints: [{ lbEndpoints: [{ endpoint: { address } }] }] };
}
