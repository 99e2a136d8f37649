// All rules that send an application's traffic through its proxy. Pure. In: what to intercept, the address family. Out: our part of each
// table, worded as `iptables-save` prints it.

import type { Family } from './address-range.ts';
import { rawTable } from './dns-rules.ts';
import type { Interception } from './interception.ts';
import { mangleTable } from './mangle-rules.ts';
import { natTable } from './nat-rules.ts';
import type { OwnTable, OwnTables, TableName } from './table.ts';

export function interceptionTables(interception: Interception, family: Family): OwnTables {
  const tables: readonly (readonly [TableName, OwnTable])[] = [
    ['raw', rawTable(interception, family)],
    ['mangle', mangleTable(interception, family)],
    ['nat', natTable(interception, family)],
  ];
  return new Map(tables.filter(([, { chains }]) => chains.size > 0));
}
