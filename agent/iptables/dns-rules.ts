// Name queries: the application's go to the agent, the agent's own go out. Pure. In: what to intercept, the address family. Out: rules
// of the nat table, and our part of the raw table, which is empty without DNS.

import type { Family } from './address-range.ts';
import type { Interception } from './interception.ts';
import { from, ofFamily, owners, rule, to } from './match.ts';
import type { OwnTable } from './table.ts';

const agentPort = 15_053;

// Both sides of a redirected UDP query would be one connection to the kernel: the application's query to a name server, and the
// agent's own to the same server, perhaps from the same port. Each has a zone of its own.
const upstreamZone = 1;
const applicationZone = 2;

/** `-j ISTIO_OUTPUT_DNS` is reached by what neither proxy nor agent sends. Empty when no name server is of this family. */
export function dnsRedirections(interception: Interception, family: Family): readonly string[] {
  return (['tcp', 'udp'] as const).flatMap((protocol) =>
    servers(interception, family, to).map((target) =>
      rule('ISTIO_OUTPUT_DNS', target, `-p ${protocol} -m ${protocol} --dport 53 -j REDIRECT --to-ports ${agentPort}`),
    ),
  );
}

export function rawTable(interception: Interception, family: Family): OwnTable {
  const targets = servers(interception, family, to);
  const sources = servers(interception, family, from);
  if (targets.length === 0) return { chains: new Map(), jumps: [] };
  const udp = '-p udp -m udp';
  return {
    chains: new Map([
      [
        'ISTIO_INBOUND',
        sources.map((source) => rule('ISTIO_INBOUND', source, `${udp} --sport 53 -j CT --zone ${upstreamZone}`)),
      ],
      [
        'ISTIO_OUTPUT_DNS',
        [
          // A packet keeps the first zone that it is given.
          ...owners(interception).flatMap((owner) => [
            `${udp} --dport 53 -m owner ${owner} -j CT --zone ${upstreamZone}`,
            `${udp} --sport ${agentPort} -m owner ${owner} -j CT --zone ${applicationZone}`,
          ]),
          ...targets.map((target) => `${target} ${udp} --dport 53 -j CT --zone ${applicationZone}`.trim()),
        ].map((text) => rule('ISTIO_OUTPUT_DNS', text)),
      ],
    ]),
    jumps: ['-A PREROUTING -j ISTIO_INBOUND', '-A OUTPUT -j ISTIO_OUTPUT_DNS'],
  };
}

function servers({ dns }: Interception, family: Family, match: typeof to): readonly string[] {
  if (dns === undefined) return [];
  return dns === 'all' ? [''] : ofFamily(dns, family).map((range) => match(range));
}
