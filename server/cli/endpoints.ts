// `isthmus endpoints HOST[:PORT]`: every endpoint of a host that an instance knows, of all clusters.

import type { Command } from 'commander';
import type { Endpoint } from '../../discovery/model/endpoint.ts';
import { formatLocality } from '../../discovery/model/locality.ts';
import type { EndpointsOfHost } from '../admin/host-endpoints.ts';
import { asJson, readInstance, readingCommand, runReading, type ReadingOptions } from './read-instance.ts';
import { table } from '../admin/text-table.ts';

const exitCodes =
  '\nExit codes: 0 there are some; 1 there is none, or no such host; 2 wrong use, or no instance answers.';

export function endpointsCommand(): Command {
  return readingCommand('endpoints', 'Show the endpoints of a host in all clusters.')
    .argument(
      '<host>',
      'HOST[:PORT]: full name, NAME.NAMESPACE, NAME when only one namespace has it, or its virtual IP',
    )
    .addHelpText('after', exitCodes)
    .action((host: string, options: ReadingOptions) =>
      runReading(async () => {
        const path = `/api/v1/endpoints?host=${encodeURIComponent(host)}`;
        const found = await readInstance<EndpointsOfHost>(options.http, path);
        const exitCode = found.endpoints.length === 0 ? 1 : 0;
        return { text: options.output === 'json' ? asJson(found) : renderEndpoints(found), exitCode };
      }),
    );
}

/** A table of endpoints, in the order of the mesh: by cluster, address and ports. */
export function renderEndpoints(found: EndpointsOfHost): string {
  const { host, port, endpoints } = found;
  const serving = port === undefined ? '' : ` that serves port ${String(port)}`;
  if (endpoints.length === 0) return `${host} is known and has no endpoint${serving} in any cluster.`;
  const header = ['ADDRESS', 'PORTS', 'CLUSTER', 'NETWORK', 'LOCALITY', 'HEALTH', 'MTLS', 'WORKLOAD'];
  const rows = endpoints.map((endpoint) => [
    endpoint.address,
    portsOf(endpoint),
    endpoint.clusterId,
    endpoint.network === '' ? '-' : endpoint.network,
    formatLocality(endpoint.locality) || '-',
    endpoint.health,
    endpoint.tlsMode,
    `${endpoint.workload.name}.${endpoint.workload.namespace}`,
  ]);
  return `${host}${port === undefined ? '' : `:${String(port)}`}${virtualAddresses(found)}\n${table(header, rows)}`;
}

function virtualAddresses({ addresses, allocatedAddresses }: EndpointsOfHost): string {
  const own = Object.entries(addresses).map(([cluster, list]) => `${cluster} ${list.join(' ')}`);
  const others = allocatedAddresses.length === 0 ? [] : [`elsewhere ${allocatedAddresses.join(' ')}`];
  const all = [...own, ...others];
  return all.length === 0 ? '' : ` (virtual IPs: ${all.join(', ')})`;
}

function portsOf(endpoint: Endpoint): string {
  const ports = Object.entries(endpoint.ports).map(([name, port]) => (name === '' ? '' : `${name}:`) + String(port));
  return ports.length === 0 ? '-' : ports.join(',');
}
