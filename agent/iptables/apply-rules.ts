// Puts the rules into the kernel of the network namespace that this process is in, for both address families, or takes them out. In: what
// to intercept. Out: what changed; an AgentError when it could not be done, and then everything is as it was before.

import { readFile } from 'node:fs/promises';
import { AgentError, reasonOf } from '../agent-error.ts';
import type { Family } from './address-range.ts';
import { familiesHere } from './families.ts';
import type { Interception } from './interception.ts';
import { isTransparent } from './mangle-rules.ts';
import { findPacketFilter, packetFilter, packetFiltersInUse } from './packet-filter.ts';
import type { FilterKind, PacketFilter } from './packet-filter.ts';
import {
  addMarkedRoute,
  addPassthroughAddress,
  markInRules,
  removeMarkedRoutes,
  removePassthroughAddress,
} from './routing.ts';
import type { Undo } from './routing.ts';
import { requireNetAdmin } from './run-program.ts';
import { interceptionTables } from './rules.ts';
import { equalTables, isNothing, transition } from './table.ts';
import type { OwnTables } from './table.ts';

export type ApplyOptions = {
  /** Undefined: found out. */
  readonly kind: FilterKind | undefined;
  /** IPv6 that can't be redirected is an error, even where the host has no address of that family. */
  readonly dualStack: boolean;
};

export type Applied = {
  /** `replaced`: other rules of ours were there. */
  readonly change: 'installed' | 'unchanged' | 'replaced';
  readonly families: readonly Family[];
  readonly filter: string;
  /** What a person should know, in sentences. */
  readonly notices: readonly string[];
};

/** Throws AgentError; nothing has changed then. */
export async function applyInterception(interception: Interception, options: ApplyOptions): Promise<Applied> {
  await requireNetAdmin();
  const filter = options.kind === undefined ? await findPacketFilter() : packetFilter(options.kind);
  const { families, notices } = await familiesHere(filter, options.dualStack);
  const plans = await Promise.all(families.map((family) => planFor({ family, filter, interception })));
  // The programs refuse what they don't understand before anything has changed.
  for (const { family, transactions } of plans) {
    if (transactions !== undefined) await filter.check(family, transactions);
  }
  const undo: Undo[] = [];
  try {
    for (const plan of plans) await carryOut(plan, { filter, interception, undo });
  } catch (error) {
    throw await takenBack(error, undo);
  }
  for (const { family, before, mark } of plans) {
    const old = markInRules(before);
    if (old !== undefined && old !== mark) await removeMarkedRoutes(family, old);
  }
  return {
    change: await changeOf(plans, filter),
    families,
    filter: filter.name,
    notices: [...notices, ...(isTransparent(interception) ? await reversePathNotice() : [])],
  };
}

/** Whether any rules were there. Throws AgentError. */
export async function removeInterception(): Promise<boolean> {
  await requireNetAdmin();
  const filters = await packetFiltersInUse();
  let found = false;
  for (const filter of filters) {
    for (const family of ['ipv4', 'ipv6'] as const) {
      const before = await filter.read(family).catch((error: unknown) => {
        if (family === 'ipv4') throw error;
        return new Map(); // No IPv6 here.
      });
      const transactions = transition(before, new Map());
      if (transactions === undefined) continue;
      found = true;
      await filter.write(family, transactions);
      const mark = markInRules(before);
      if (mark !== undefined) await removeMarkedRoutes(family, mark);
      if (family === 'ipv6') await removePassthroughAddress();
    }
  }
  return found;
}

type Plan = {
  readonly family: Family;
  readonly before: OwnTables;
  readonly wanted: OwnTables;
  /** Undefined: everything is there already. */
  readonly transactions: string | undefined;
  /** Undefined: no packets are marked. */
  readonly mark: number | undefined;
};

type PlanInputs = { readonly family: Family; readonly filter: PacketFilter; readonly interception: Interception };

async function planFor({ family, filter, interception }: PlanInputs): Promise<Plan> {
  const before = await filter.read(family);
  const wanted = interceptionTables(interception, family);
  const mark = isTransparent(interception) ? interception.mark : undefined;
  return { family, before, wanted, transactions: transition(before, wanted), mark };
}

type Work = { readonly filter: PacketFilter; readonly interception: Interception; readonly undo: Undo[] };

async function carryOut(
  { family, before, transactions, mark }: Plan,
  { filter, interception, undo }: Work,
): Promise<void> {
  if (family === 'ipv6') undo.push(await addPassthroughAddress());
  if (mark !== undefined) undo.push(await addMarkedRoute(family, interception));
  if (transactions === undefined) return;
  // Registered first: of several tables the first may have changed when the second is refused.
  undo.push(async () => {
    const back = transition(await filter.read(family), before);
    if (back !== undefined) await filter.write(family, back);
  });
  await filter.write(family, transactions);
}

async function takenBack(error: unknown, undo: readonly Undo[]): Promise<unknown> {
  for (const step of undo.toReversed()) {
    try {
      await step();
    } catch (second) {
      const message = `${reasonOf(error)}; and taking back what had been done failed too, so run it with --clean: ${reasonOf(second)}`;
      return new AgentError('interception-failed', message, { cause: error });
    }
  }
  return error;
}

// Another version of the programs may word the same rules otherwise: then they were written again, and are what they were.
async function changeOf(plans: readonly Plan[], filter: PacketFilter): Promise<Applied['change']> {
  if (plans.every(({ transactions }) => transactions === undefined)) return 'unchanged';
  if (plans.every(({ before }) => isNothing(before))) return 'installed';
  const after = await Promise.all(plans.map(({ family }) => filter.read(family)));
  return plans.every(({ before }, index) => equalTables(before, after[index] ?? new Map())) ? 'unchanged' : 'replaced';
}

// The proxy's connections to the application carry addresses of other hosts and arrive on the loopback device.
async function reversePathNotice(): Promise<readonly string[]> {
  const settings = await Promise.all(
    ['all', 'lo'].map((device) => readFile(`/proc/sys/net/ipv4/conf/${device}/rp_filter`, 'utf8').catch(() => '0')),
  );
  if (!settings.some((value) => value.trim() === '1') || settings.some((value) => value.trim() === '2')) return [];
  return [
    'TPROXY needs net.ipv4.conf.all.rp_filter and net.ipv4.conf.lo.rp_filter to be 0 or 2; strict filtering (1) drops the packets',
  ];
}
