// Puts the rules into the kernel of the network namespace that this process is in. In: what to intercept. Out: the families for
// which it holds; an AgentError with the packet filter's words when it does not, and then nothing of ours is left.

import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { AgentError, reasonOf } from '../agent-error.ts';
import type { Interception } from './interception.ts';
import { installRules, removeRules } from './rules.ts';
import type { Family } from './rules.ts';

const programs = {
  ipv4: { save: 'iptables-save', restore: 'iptables-restore' },
  ipv6: { save: 'ip6tables-save', restore: 'ip6tables-restore' },
} as const satisfies Record<Family, { save: string; restore: string }>;

/** Installs the rules for IPv4, and for IPv6 where the kernel and the programs have it. Each family changes in one transaction. */
export async function applyInterception(interception: Interception): Promise<readonly Family[]> {
  const families = await availableFamilies();
  try {
    for (const family of families) {
      if (family === 'ipv6') await addPassthroughAddress();
      await restore(family, installRules(interception, family, await currentTable(family)));
    }
  } catch (error) {
    await removeInterception().catch(() => {}); // The first failure is the one to tell.
    throw error;
  }
  return families;
}

/** Removes our rules and chains; nothing happens where there are none. */
export async function removeInterception(): Promise<void> {
  for (const family of await availableFamilies()) {
    const transaction = removeRules(await currentTable(family));
    if (transaction !== undefined) await restore(family, transaction);
  }
}

async function availableFamilies(): Promise<readonly Family[]> {
  const addresses = await readFile('/proc/net/if_inet6', 'utf8').catch(() => '');
  if (addresses.trim() === '') return ['ipv4'];
  return currentTable('ipv6').then(
    () => ['ipv4', 'ipv6'],
    () => ['ipv4'],
  );
}

async function currentTable(family: Family): Promise<string> {
  return execute([programs[family].save, '-t', 'nat']);
}

async function restore(family: Family, transaction: string): Promise<void> {
  await execute([programs[family].restore, '--noflush', '--wait=10'], transaction);
}

// IPv4 has the whole of 127.0.0.0/8 on the loopback device, IPv6 only ::1.
async function addPassthroughAddress(): Promise<void> {
  await execute(['ip', '-6', 'addr', 'replace', '::6/128', 'dev', 'lo']);
}

async function execute(argv: readonly string[], input = ''): Promise<string> {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  child.stdin.on('error', () => {}); // It may end before it has read all; its exit code tells.
  child.stdin.end(input);
  try {
    const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    if (code !== 0) throw new Error(stderr.trim() || `exit code ${code}`);
    return stdout;
  } catch (error) {
    const hint = 'it needs the packages iptables and iproute2, and root or CAP_NET_ADMIN and CAP_NET_RAW';
    throw new AgentError('interception-failed', `"${argv.join(' ')}": ${reasonOf(error)} (${hint})`, { cause: error });
  }
}
