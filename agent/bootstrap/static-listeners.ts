// Two small listeners that show parts of Envoy's admin interface, which itself stays on the loopback address: readiness for the
// kubelet, metrics for Prometheus. Pure.

/** `GET /healthz/ready`: 200 once Envoy has its first configuration, 503 before and while it drains. */
export function healthListener(port: number): object {
  return adminRoute({ name: 'health', port, path: '/healthz/ready', adminPath: '/ready' });
}

/** `GET /stats/prometheus`. */
export function prometheusListener(port: number): object {
  return adminRoute({ name: 'prometheus', port, path: '/stats/prometheus', adminPath: '/stats/prometheus' });
}

type AdminRoute = {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  readonly adminPath: string;
};

function adminRoute({ name, port, path, adminPath }: AdminRoute): object {
  const route = { match: { path }, route: { cluster: 'prometheus_stats', prefixRewrite: adminPath } };
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
