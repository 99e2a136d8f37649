// A `why` report as text for people.

import { printable, table } from './text-table.ts';
import type { WhyAccess, WhyDestination, WhyPort, WhyReport, WhyRoute, WhyService, WhyTarget } from './why-report.ts';

/** Several lines: the verdict first, then the service, then each port with its routes and endpoints. */
export function renderWhy(report: WhyReport): string {
  const { from } = report;
  const place = [from.clusterId, from.network === '' ? 'unnamed network' : from.network, from.locality];
  const lines = [
    `${report.verdict}: ${report.summary}`,
    '',
    `from  ${from.proxy} (${place.filter((part) => part !== '').join(', ')})${from.connected ? '' : ', not connected to this instance: as its proxy would see it'}`,
    `to    ${targetLine(report.to)}`,
    ...(report.service === undefined ? [] : serviceLines(report.service)),
  ].map(printable);
  return [...lines, ...report.ports.flatMap(portLines)].join('\n');
}

function targetLine({ asked, host, address, port, path, method, headers, withoutHeaders }: WhyTarget): string {
  if (host === undefined) return asked;
  const request = [
    method,
    path,
    headers === undefined ? undefined : `with ${headers.join(', ')}`,
    withoutHeaders === undefined ? undefined : `without ${withoutHeaders.join(', ')}`,
  ]
    .filter((part) => part !== undefined)
    .join(' ');
  return `${host}${address === undefined ? '' : ` (${address})`}${port === undefined ? '' : ` port ${String(port)}`}${request === '' ? '' : `, ${request}`}`;
}

function serviceLines(service: WhyService): readonly string[] {
  const clusters = service.clusters.map(({ clusterId, phase, policy }) => {
    const state = [phase === 'running' ? undefined : phase, policy].filter((word) => word !== undefined);
    return state.length === 0 ? clusterId : `${clusterId} (${state.join(', ')})`;
  });
  return [
    `declared in  ${clusters.join(', ')}${service.clusterLocal ? '; cluster-local' : ''}`,
    ...addressLine(service),
    ...service.conflicts.map((conflict) => `conflict     ${conflict.clusterId}: ${conflict.message}`),
  ];
}

function addressLine({ addresses, addressedBy }: WhyService): readonly string[] {
  if (addressedBy === 'nothing') return [];
  const [first = '', ...more] = addresses;
  const shown =
    addressedBy === 'pods' && more.length > 0 ? `${first} and ${String(more.length)} more` : addresses.join(', ');
  const kind = {
    'virtual-ip': 'virtual IP',
    allocated: 'allocated: its cluster has no virtual IP for it',
    pods: 'pods of a headless service',
  };
  return [`address      ${shown} (${kind[addressedBy]})`];
}

function portLines(port: WhyPort): readonly string[] {
  const name = port.name === '' ? '' : ` ${port.name}`;
  const via = port.virtualHost === undefined ? '' : `, virtual host ${port.virtualHost}`;
  const declared = port.virtualService === undefined ? '' : `, ${port.virtualService}`;
  return ['', printable(`port ${String(port.port)}${name} (${port.protocol})${via}${declared}`)].concat(
    port.routes.flatMap(routeLines),
  );
}

function routeLines(route: WhyRoute): readonly string[] {
  const shares = route.shares.map(({ clusterId, percent }) => `${String(percent)} % ${clusterId}`).join(', ');
  const outcome = route.skipped === undefined ? shares : `not for these requests: ${route.skipped}`;
  const place = route.place === undefined ? '' : ` (${route.place})`;
  const isOpen = route.skipped === undefined && route.takes === 'depends';
  return [
    printable(`  route ${route.name}${place}: ${route.match}${outcome === '' ? '' : ` -> ${outcome}`}`),
    ...(isOpen ? [printable(`    depends on ${route.dependsOn.join(', ')}`)] : []),
    ...(route.action === undefined ? [] : [printable(`    ${route.action}`)]),
    ...(route.skipped === undefined ? route.details.map((line) => printable(`    ${line}`)) : []),
    ...(route.skipped === undefined ? route.destinations.flatMap(destinationLines) : []),
  ];
}

function destinationLines(destination: WhyDestination): readonly string[] {
  const rule = destination.destinationRule === undefined ? '' : `  (${destination.destinationRule})`;
  const name = destination.envoyCluster ?? destination.host;
  const head = printable(`    ${String(destination.weightPercent)} % ${name}${rule}`);
  const problem = destination.problem === undefined ? [] : [printable(`      ${destination.problem}`)];
  const access = destination.access.flatMap(accessLines);
  if (destination.endpoints.length === 0) return [head, ...problem, ...access];
  const rows = destination.endpoints.map((group) => [
    group.percent > 0 ? `${String(group.percent)} %` : '-',
    group.clusterId,
    group.network === '' ? '-' : group.network,
    String(group.count),
    group.tier === undefined ? '-' : String(group.tier),
    group.explanation,
  ]);
  const text = table(['SHARE', 'CLUSTER', 'NETWORK', 'ENDPOINTS', 'TIER', 'WHY'], rows);
  return [head, ...problem, ...text.split('\n').map((line) => `      ${line}`), ...access];
}

/** What the workloads do with this caller: the verdict, then each reason. */
function accessLines(access: WhyAccess): readonly string[] {
  const { workloads, count, clusterId, mtlsMode, mtlsPolicy, connection, verdict, reasons } = access;
  const more = count > workloads.length ? ` and ${String(count - workloads.length)} more` : '';
  const mode =
    mtlsMode === undefined
      ? ''
      : `, mTLS ${mtlsMode.toUpperCase()}${mtlsPolicy === undefined ? '' : ` by ${mtlsPolicy}`}`;
  const spoken = { mtls: 'mutual TLS', tls: 'TLS of its own', plaintext: 'plain text' }[connection];
  return [
    printable(
      `      ${verdict === 'unknown' ? 'not known' : verdict} at ${workloads.join(', ')}${more} (${clusterId}), by ${spoken}${mode}`,
    ),
    ...reasons.map((reason) => printable(`        ${reason}`)),
  ];
}
