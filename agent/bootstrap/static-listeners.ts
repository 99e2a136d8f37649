// Two small listeners that show parts of Envoy's admin interface, which itself stays on the loopback address: readiness for the
// kubelet, metrics for Prometheus. Pure.

import { adminClusterName } from './static-clusters.ts';

/** `GET /healthz/ready`: 200 once Envoy has its first configuration, 503 before and while it drains. */
export function healthListener(port: number): object {
  return localRoute({ name: 'health', port, path: '/healthz/ready', to: '/ready', cluster: adminClusterName });
}

/** `GET /stats/prometheus`, answered by `cluster`. */
export function prometheusListener(port: number, cluster: string): object {
  return localRoute({ name: 'prometheus', port, path: '/stats/prometheus', to: '/stats/prometheus', cluster });
}

type LocalRoute = {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  readonly to: string;
  readonly cluster: string;
};

function localRoute({ name, port, path, to, cluster }: LocalRoute): object {
  const route = { match: { path }, route: { cluster, prefixRewrite: to } };
  return {
    name: `${name}_listener`,
    address: { socketAddress: { address: '0.0.0.0', portValue: port } },
    // It has to answer while the other listeners drain.
    ignoreGlobalConnLimit: true,
    filterChains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typedConfig: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              statPrefix: name,
              routeConfig: { virtualHosts: [{ name, domains: ['*'], routes: [route] }] },
              httpFilters: [
                {
                  name: 'envoy.filters.http.router',
                  typedConfig: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                },
              ],
            },
          },
        ],
      },
    ],
  };
}
