// What interception needs besides rules: for IPv6 an address that the proxy's connections to the application come from, for TPROXY a
// route that brings marked packets to the loopback device. Each is left alone when it is there already.

import type { Family } from './address-range.ts';
import { runProgram } from './run-program.ts';
import type { OwnTables } from './table.ts';

/** Takes back what a step has added; nothing when it added nothing. */
export type Undo = () => Promise<void>;

const nothing: Undo = async () => {};
const passthroughAddress = '::6/128';

export type MarkedRoute = { readonly mark: number; readonly routeTable: number };

/** IPv4 has the whole of 127.0.0.0/8 on the loopback device, IPv6 only ::1. */
export async function addPassthroughAddress(): Promise<Undo> {
  if (await hasPassthroughAddress()) return nothing;
  await runProgram(['ip', '-6', 'addr', 'add', passthroughAddress, 'dev', 'lo']);
  return removePassthroughAddress;
}

export async function removePassthroughAddress(): Promise<void> {
  if (await hasPassthroughAddress()) await runProgram(['ip', '-6', 'addr', 'del', passthroughAddress, 'dev', 'lo']);
}

/** The commands of `addMarkedRoute`, for people. */
export function markedRouteCommands(family: Family, { mark, routeTable }: MarkedRoute): readonly (readonly string[])[] {
  const flag = family === 'ipv4' ? '-4' : '-6';
  return [
    ['ip', flag, 'route', 'replace', 'local', 'default', 'dev', 'lo', 'table', String(routeTable)],
    ['ip', flag, 'rule', 'add', 'fwmark', String(mark), 'lookup', String(routeTable)],
  ];
}

export async function addMarkedRoute(family: Family, route: MarkedRoute): Promise<Undo> {
  if ((await markedRoutes(family, route.mark)).includes(route.routeTable)) return nothing;
  for (const command of markedRouteCommands(family, route)) await runProgram(command);
  return () => removeMarkedRoutes(family, route.mark);
}

/** Removes the routes for packets with this mark, whatever table they are in. */
export async function removeMarkedRoutes(family: Family, mark: number): Promise<void> {
  const flag = family === 'ipv4' ? '-4' : '-6';
  for (const table of await markedRoutes(family, mark)) {
    await runProgram(['ip', flag, 'rule', 'del', 'fwmark', String(mark), 'lookup', String(table)]);
    await runProgram(['ip', flag, 'route', 'del', 'local', 'default', 'dev', 'lo', 'table', String(table)]);
  }
}

/** The mark that installed rules give; undefined when they give none. */
export function markInRules(tables: OwnTables): number | undefined {
  const [marking = ''] = tables.get('mangle')?.chains.get('ISTIO_DIVERT') ?? [];
  const [, mark] = /--set-xmark (0x[0-9a-f]+)\//.exec(marking) ?? [];
  return mark === undefined ? undefined : Number(mark);
}

async function markedRoutes(family: Family, mark: number): Promise<readonly number[]> {
  const shown = await runProgram(['ip', family === 'ipv4' ? '-4' : '-6', 'rule', 'list']);
  const matches = [...shown.matchAll(/from all fwmark (0x[0-9a-f]+) lookup (\d+)\s*$/gm)];
  return matches.filter(([, given]) => Number(given) === mark).map(([, , table]) => Number(table));
}

async function hasPassthroughAddress(): Promise<boolean> {
  const shown = await runProgram(['ip', '-6', 'addr', 'show', 'dev', 'lo']);
  return shown.includes(`inet6 ${passthroughAddress} `);
}
