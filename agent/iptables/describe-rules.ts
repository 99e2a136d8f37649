// What would be done, for people and for `iptables-restore`. Pure. In: what to intercept. Out: text of which each part can be given to the
// program that its first line names.

import type { Family } from './address-range.ts';
import type { Interception } from './interception.ts';
import { isTransparent } from './mangle-rules.ts';
import { markedRouteCommands } from './routing.ts';
import { interceptionTables } from './rules.ts';
import { transition } from './table.ts';

export function describeRules(interception: Interception): string {
  return `${describeFamily(interception, 'ipv4')}\n${describeFamily(interception, 'ipv6')}`;
}

export function describeFamily(interception: Interception, family: Family): string {
  const [name, program] = family === 'ipv4' ? ['IPv4', 'iptables-restore'] : ['IPv6', 'ip6tables-restore'];
  const before = [
    ...(family === 'ipv6' ? [['ip', '-6', 'addr', 'add', '::6/128', 'dev', 'lo']] : []),
    ...(isTransparent(interception) ? markedRouteCommands(family, interception) : []),
  ];
  return [
    `# ${name}: ${program} --noflush`,
    ...before.map((argv) => `# before: ${argv.join(' ')}`),
    transition(new Map(), interceptionTables(interception, family)) ?? '',
  ].join('\n');
}
