// `isthmus proxies [PROXY]`: the Envoys that are connected to an instance and what they accepted, or one of them by type.

import type { Command } from 'commander';
import { overallState, type ProxyStatus, type ProxyTypeStatus } from '../admin/proxy-status.ts';
import { asJson, readInstance, readingCommand, runReading, type ReadingOptions } from './read-instance.ts';
import { age, printable, table } from '../admin/text-table.ts';

export function proxiesCommand(): Command {
  return readingCommand('proxies', 'Show the connected proxies: what each was sent, accepted and rejected.')
    .argument('[proxy]', 'one proxy, NAME.NAMESPACE, in detail')
    .action((proxy: string | undefined, options: ReadingOptions) =>
      runReading(async () => {
        const all = await readInstance<readonly ProxyStatus[]>(options.http, '/api/v1/proxies');
        const shown = proxy === undefined ? all : all.filter((one) => one.proxy === proxy || one.nodeId === proxy);
        const missing = proxy !== undefined && shown.length === 0;
        if (options.output === 'json') return { text: asJson(shown), exitCode: missing ? 1 : 0 };
        if (missing) return { text: noProxy(proxy, all), exitCode: 1 };
        const text = proxy === undefined ? renderProxies(shown, Date.now()) : shown.map(renderProxy).join('\n\n');
        return { text, exitCode: 0 };
      }),
    );
}

function noProxy(asked: string, connected: readonly ProxyStatus[]): string {
  const [name = ''] = asked.split('.');
  const close = connected.map(({ proxy }) => proxy).filter((proxy) => proxy.startsWith(name));
  const remedy = close.length === 0 ? '' : ` Close: ${close.slice(0, 5).join(', ')}.`;
  return `No proxy ${asked} is connected to this instance.${remedy}`;
}

const shownTypes = ['cds', 'lds', 'eds', 'rds', 'vhds'] as const;

/** One line a proxy, then the last rejection of each type that has one. */
export function renderProxies(proxies: readonly ProxyStatus[], nowMs: number): string {
  if (proxies.length === 0) return 'No proxy is connected to this instance.';
  const header = ['PROXY', 'CLUSTER', 'NETWORK', 'TYPE', 'STATE', ...shownTypes.map((type) => type.toUpperCase())];
  const rows = proxies.map((proxy) => [
    proxy.proxy,
    proxy.clusterId,
    proxy.network === '' ? '-' : proxy.network,
    proxy.type,
    overallState(proxy),
    ...shownTypes.map((name) => typeCell(proxy.types.find((type) => type.name === name))),
    String(proxy.types.reduce((sum, type) => sum + type.rejected, 0)),
    age(proxy.connectedAt, nowMs),
  ]);
  const errors = proxies.flatMap((proxy) => proxy.types.flatMap((type) => errorLine(proxy, type)));
  return [table([...header, 'REJECTED', 'CONNECTED'], rows), ...errors].join('\n');
}

/** Identity and place, then a table of types. */
export function renderProxy(proxy: ProxyStatus): string {
  const facts = [
    `${proxy.proxy}  ${proxy.type} in ${proxy.clusterId}, network ${proxy.network === '' ? '(unnamed)' : proxy.network}`,
    `node ${proxy.nodeId}, ${proxy.variant} from ${proxy.peerAddress} since ${proxy.connectedAt}`,
    `identity ${proxy.identity ?? 'not proven (plaintext port)'}`,
  ].map(printable);
  const rows = proxy.types.map((type) => [
    type.name,
    type.status,
    String(type.resources),
    String(type.pushes),
    String(type.rejected),
    type.version === '' ? '-' : type.version,
    type.sent === '' ? '-' : type.sent,
    type.acked === '' ? '-' : type.acked,
  ]);
  const header = ['TYPE', 'STATE', 'RESOURCES', 'PUSHES', 'REJECTED', 'VERSION', 'SENT', 'ACKED'];
  return [...facts, table(header, rows), ...proxy.types.flatMap((type) => errorLine(proxy, type))].join('\n');
}

function typeCell(type: ProxyTypeStatus | undefined): string {
  if (type === undefined) return '-';
  return type.status === 'SYNCED' ? `${String(type.resources)} ok` : type.status;
}

function errorLine(proxy: ProxyStatus, type: ProxyTypeStatus): readonly string[] {
  const error = type.lastError;
  if (error === undefined) return [];
  const from = error.sourceObjects.length === 0 ? '' : ` (from ${error.sourceObjects.join(', ')})`;
  return [printable(`${proxy.proxy} rejected ${type.name} ${error.resourceNames.join(', ')}${from}: ${error.message}`)];
}
