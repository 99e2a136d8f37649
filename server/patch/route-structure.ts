// What Envoy wants of a route configuration: no two virtual hosts of one name, no domain of two.

import type { RouteConfiguration, VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';

/** Why Envoy would refuse it; undefined when it would not. */
export function brokenRoutes({ virtualHosts = [] }: RouteConfiguration): string | undefined {
  const names = new Set<string>();
  const domains = new Set<string>();
  for (const host of virtualHosts) {
    const broken = brokenAmong(host, names, domains);
    if (broken !== undefined) return broken;
  }
  return undefined;
}

/** Of one virtual host beside others; it is added to them. */
function brokenAmong(host: VirtualHost, names: Set<string>, domains: Set<string>): string | undefined {
  const { name = '' } = host;
  if (names.has(name)) return `two virtual hosts are named ${name}`;
  names.add(name);
  for (const domain of (host.domains ?? []).map((one) => one.toLowerCase())) {
    if (domains.has(domain)) return `${domain} is a domain of two virtual hosts`;
    domains.add(domain);
  }
  return undefined;
}
