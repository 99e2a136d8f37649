// The mangle table: inbound connections that the proxy takes without a change of address (TPROXY), and packets that fit no connection.
// Pure. In: what to intercept, the address family. Out: our part of the table, often empty.

import type { Family } from './address-range.ts';
import type { Interception } from './interception.ts';
import { loopbackRange, markOf, rule, toPort } from './match.ts';
import type { OwnTable } from './table.ts';

export function mangleTable(interception: Interception, family: Family): OwnTable {
  const { dropInvalid } = interception;
  const inbound = isTransparent(interception);
  return {
    chains: new Map<string, readonly string[]>([
      ...(dropInvalid ? [['ISTIO_DROP', [rule('ISTIO_DROP', '-j DROP')]] as const] : []),
      ...(inbound ? transparentChains(interception, family) : []),
    ]),
    jumps: [
      // Before the others: they take what they match.
      ...(dropInvalid ? ['-A PREROUTING -m conntrack --ctstate INVALID -j ISTIO_DROP'] : []),
      ...(inbound ? ['-A PREROUTING -p tcp -j ISTIO_INBOUND', '-A OUTPUT -p tcp -j ISTIO_OUTPUT'] : []),
    ],
  };
}

/** Whether packets are marked and need the route of `routing.ts`. */
export function isTransparent({ mode, inboundPorts }: Interception): boolean {
  return mode === 'TPROXY' && (inboundPorts === 'all' || inboundPorts.length > 0);
}

function transparentChains(interception: Interception, family: Family): readonly (readonly [string, string[]])[] {
  const mark = markOf(interception);
  const anyAddress = family === 'ipv4' ? '0.0.0.0' : '::';
  const divert = [`-j MARK --set-xmark ${mark}/0xffffffff`, '-j ACCEPT'];
  const take = `! -d ${loopbackRange(interception, family)} -p tcp -j TPROXY --on-port ${interception.inboundPort} --on-ip ${anyAddress} --tproxy-mark ${mark}/0xffffffff`;
  // The proxy calls the application with the caller's address and this mark. The connection remembers the mark, so that the answers
  // have it too and are routed to the proxy instead of to the caller.
  const remember = [
    `-p tcp -m mark --mark ${mark} -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff`,
    `-p tcp -m connmark --mark ${mark} -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff`,
  ];
  const chains = {
    ISTIO_DIVERT: divert,
    ISTIO_INBOUND: inboundRules(interception),
    ISTIO_OUTPUT: [...interception.excludedInterfaces.map((device) => `-o ${device} -j RETURN`), ...remember],
    ISTIO_TPROXY: [take],
  };
  return Object.entries(chains).map(([chain, texts]) => [chain, texts.map((text) => rule(chain, text))]);
}

function inboundRules(interception: Interception): readonly string[] {
  const { inboundPorts, excludedInboundPorts, excludedInterfaces, guestInterfaces, tunnelPort } = interception;
  const matches = inboundPorts === 'all' ? ['-p tcp'] : inboundPorts.map((port) => toPort('tcp', port));
  return [
    // On the loopback device: the proxy to the application, the application to itself, and calls of the application to its own
    // service, which the nat table has sent to the proxy already.
    ...['lo', ...excludedInterfaces, ...guestInterfaces].map((device) => `-i ${device} -j RETURN`),
    ...[tunnelPort, ...excludedInboundPorts].map((port) => `${toPort('tcp', port)} -j RETURN`),
    ...matches.flatMap((match) => [
      `${match} -m conntrack --ctstate RELATED,ESTABLISHED -j ISTIO_DIVERT`,
      `${match} -j ISTIO_TPROXY`,
    ]),
  ];
}
