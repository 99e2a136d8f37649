// Our part of one table of the packet filter: chains of ours, and the jumps from the kernel's own chains into them. In: what
// `iptables-save` prints. Out: our part of it; and the text for `iptables-restore --noflush` that turns one such part into another.

export const tableNames = ['raw', 'mangle', 'nat'] as const;
export type TableName = (typeof tableNames)[number];

// Istio's names, so that tools which look for them find them.
const ownChains: ReadonlySet<string> = new Set([
  'ISTIO_INBOUND',
  'ISTIO_IN_REDIRECT',
  'ISTIO_OUTPUT',
  'ISTIO_REDIRECT',
  'ISTIO_OUTPUT_DNS',
  'ISTIO_DIVERT',
  'ISTIO_TPROXY',
  'ISTIO_DROP',
]);

// A jump from a chain of somebody else's is not ours.
const kernelChains: ReadonlySet<string> = new Set(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']);

export type OwnTable = {
  /** Lines that append to chains of ours, by chain, in the order in which they are matched. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Lines that append to the kernel's chains. */
  readonly jumps: readonly string[];
};

/** All tables; one without an entry has nothing of ours. */
export type OwnTables = ReadonlyMap<TableName, OwnTable>;

const nothing: OwnTable = { chains: new Map(), jumps: [] };

/** Our part of what `iptables-save` printed, whatever else is there. */
export function readOwnTables(saved: string): OwnTables {
  const found = new Map<TableName, { chains: Map<string, string[]>; jumps: string[] }>();
  let table: TableName | undefined;
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) table = tableNames.find((name) => name === line.slice(1).trim());
    if (table === undefined) continue;
    const own = found.get(table) ?? { chains: new Map<string, string[]>(), jumps: [] };
    const [, declared] = /^:(\S+) /.exec(line) ?? [];
    const [, chain = '', target] = /^-A (\S+)(?: .*-j (\S+)$)?/.exec(line) ?? [];
    if (declared !== undefined && ownChains.has(declared)) own.chains.set(declared, []);
    else if (ownChains.has(chain)) own.chains.get(chain)?.push(line);
    else if (kernelChains.has(chain) && target !== undefined && ownChains.has(target)) own.jumps.push(line);
    else continue;
    found.set(table, own);
  }
  return found;
}

export function isNothing(tables: OwnTables): boolean {
  return tables.size === 0;
}

/** Whether the kernel would treat all packets alike under both. */
export function equalTables(a: OwnTables, b: OwnTables): boolean {
  return tableNames.every((name) => equalTable(a.get(name) ?? nothing, b.get(name) ?? nothing));
}

/**
 * The transactions, one a table, that make our part be `to` where it is `from`; what is not ours keeps its place. Undefined when
 * there is nothing to change.
 */
export function transition(from: OwnTables, to: OwnTables): string | undefined {
  // `nat` comes last: it is what begins to redirect.
  const changed = tableNames.filter((name) => !equalTable(from.get(name) ?? nothing, to.get(name) ?? nothing));
  if (changed.length === 0) return undefined;
  return changed.map((name) => tableTransition(name, from.get(name) ?? nothing, to.get(name) ?? nothing)).join('');
}

function tableTransition(name: TableName, from: OwnTable, to: OwnTable): string {
  const stale = [...from.chains.keys()].filter((chain) => !to.chains.has(chain));
  // Their order among each other matters, so they are changed together.
  const keepJumps = equalLines(from.jumps, to.jumps);
  return [
    `*${name}`,
    ...[...to.chains.keys()].map((chain) => `:${chain} - [0:0]`), // This empties a chain that is there.
    ...(keepJumps ? [] : from.jumps.map((line) => line.replace(/^-A/, '-D'))),
    ...[...to.chains.values()].flat(),
    ...(keepJumps ? [] : to.jumps),
    // All are emptied before one goes: they refer to each other.
    ...stale.map((chain) => `-F ${chain}`),
    ...stale.map((chain) => `-X ${chain}`),
    'COMMIT',
    '',
  ].join('\n');
}

function equalTable(a: OwnTable, b: OwnTable): boolean {
  return (
    equalLines(a.jumps, b.jumps) &&
    a.chains.size === b.chains.size &&
    [...a.chains].every(([chain, lines]) => equalLines(lines, b.chains.get(chain)))
  );
}

function equalLines(a: readonly string[], b: readonly string[] | undefined): boolean {
  return b !== undefined && a.length === b.length && a.every((line, index) => line === b[index]);
}
