// The nat table: connections that are redirected to a port of the proxy, and name queries that are redirected to the agent. Pure.
// In: what to intercept, the address family. Out: our part of the table.

import type { AddressRange, Family } from './address-range.ts';
import { dnsRedirections } from './dns-rules.ts';
import type { Interception } from './interception.ts';
import { loopbackRange, markOf, ofFamily, owners, passthroughSource, rule, to, toPort } from './match.ts';
import type { OwnTable } from './table.ts';

export function natTable(interception: Interception, family: Family): OwnTable {
  const { outboundPort, inboundPort, dns } = interception;
  const inbound = inboundRules(interception, family);
  const dnsRules = dnsRedirections(interception, family);
  return {
    chains: new Map([
      ...(inbound.length === 0 ? [] : [['ISTIO_INBOUND', inbound] as const]),
      ['ISTIO_IN_REDIRECT', [rule('ISTIO_IN_REDIRECT', `-p tcp -j REDIRECT --to-ports ${inboundPort}`)]],
      ['ISTIO_OUTPUT', outboundRules(interception, family, dnsRules.length > 0)],
      ...(dnsRules.length === 0 ? [] : [['ISTIO_OUTPUT_DNS', dnsRules] as const]),
      ['ISTIO_REDIRECT', [rule('ISTIO_REDIRECT', `-p tcp -j REDIRECT --to-ports ${outboundPort}`)]],
    ]),
    jumps: [
      ...(inbound.length === 0 ? [] : ['-A PREROUTING -p tcp -j ISTIO_INBOUND']),
      dns === undefined ? '-A OUTPUT -p tcp -j ISTIO_OUTPUT' : '-A OUTPUT -j ISTIO_OUTPUT',
    ],
  };
}

function inboundRules(interception: Interception, family: Family): readonly string[] {
  const { mode, tunnelPort, inboundPorts, excludedInboundPorts, excludedInterfaces, guestInterfaces } = interception;
  const { outboundRanges } = interception;
  const guestTargets = outboundRanges === 'all' ? [''] : ofFamily(outboundRanges, family).map((range) => to(range));
  const guests = guestInterfaces.flatMap((device) => [
    ...guestTargets.map((target) => `${target} -i ${device} -j ISTIO_REDIRECT`.trim()),
    `-i ${device} -j RETURN`,
  ]);
  const wanted = mode === 'TPROXY' || isNone(inboundPorts) ? [] : redirected(inboundPorts);
  if (guests.length + wanted.length === 0) return [];
  const untouched = wanted.length === 0 ? [] : [tunnelPort, ...excludedInboundPorts];
  return [
    ...excludedInterfaces.map((device) => `-i ${device} -j RETURN`),
    ...guests,
    ...untouched.map((port) => `${toPort('tcp', port)} -j RETURN`),
    ...wanted,
  ].map((text) => rule('ISTIO_INBOUND', text));
}

function redirected(inboundPorts: 'all' | readonly number[]): readonly string[] {
  if (inboundPorts === 'all') return ['-p tcp -j ISTIO_IN_REDIRECT'];
  return inboundPorts.map((port) => `${toPort('tcp', port)} -j ISTIO_IN_REDIRECT`);
}

function isNone(ports: 'all' | readonly number[]): boolean {
  return ports !== 'all' && ports.length === 0;
}

// The first rule that matches decides, so the order is the meaning.
function outboundRules(interception: Interception, family: Family, dns: boolean): readonly string[] {
  const { mode, excludedOutboundPorts, excludedOutboundRanges, outboundPorts, outboundRanges } = interception;
  const loopback = loopbackRange(interception, family);
  const proxy = owners(interception);
  const notProxy = proxy.map((owner) => `-m owner ! ${owner}`).join(' ');
  const notTaken = dns
    ? `-p tcp -m multiport ! --dports 53,${interception.tunnelPort}`
    : `-p tcp -m tcp ! --dport ${interception.tunnelPort}`;
  return [
    ...interception.excludedInterfaces.map((device) => `-o ${device} -j RETURN`),
    // In TPROXY mode the proxy's connection to the application carries the caller's address, and this mark.
    ...(mode === 'TPROXY' ? [`-o lo -m mark --mark ${markOf(interception)} -j RETURN`] : []),
    `-s ${passthroughSource(family)} -o lo -j RETURN`,
    ...excludedOutboundPorts.flatMap((port) =>
      (dns ? (['tcp', 'udp'] as const) : (['tcp'] as const)).map((protocol) => `${toPort(protocol, port)} -j RETURN`),
    ),
    // The application calls a service that it is itself an endpoint of: the proxy's connection to the pod's own address has to
    // come in through the inbound listener like anyone else's.
    ...proxy.map((owner) => `! -d ${loopback} -o lo ${notTaken} -m owner ${owner} -j ISTIO_IN_REDIRECT`),
    ...insidePod(interception, notProxy, dns),
    ...proxy.map((owner) => `-m owner ${owner} -j RETURN`),
    ...groupRules(interception),
    ...(dns ? ['-j ISTIO_OUTPUT_DNS'] : []),
    `-d ${loopback} -j RETURN`,
    ...ofFamily(excludedOutboundRanges, family).map((range) => `${to(range)} -j RETURN`.trim()),
    ...outboundPorts.map((port) => `${toPort('tcp', port)} -j ISTIO_REDIRECT`),
    ...(outboundRanges === 'all' ? ['-j ISTIO_REDIRECT'] : included(ofFamily(outboundRanges, family))),
  ].map((text) => rule('ISTIO_OUTPUT', text));
}

// What the application says to its own pod stays with it (probes of itself, side processes), unless a loopback range was named.
// With DNS, a name server on the loopback device is asked through the agent all the same.
function insidePod({ outboundRanges }: Interception, notProxy: string, dns: boolean): readonly string[] {
  if (outboundRanges !== 'all' && outboundRanges.some((range) => range.isLoopback)) return [];
  return [`-o lo ${dns ? '-p tcp -m tcp ! --dport 53 ' : ''}${notProxy} -j RETURN`];
}

function groupRules({ groups }: Interception): readonly string[] {
  if (groups.kind === 'all') return [];
  if (groups.kind === 'except') return groups.ids.map((id) => `-m owner --gid-owner ${id} -j RETURN`);
  return [`${groups.ids.map((id) => `-m owner ! --gid-owner ${id}`).join(' ')} -j RETURN`];
}

function included(ranges: readonly AddressRange[]): readonly string[] {
  return ranges.map((range) => `${to(range)} -j ISTIO_REDIRECT`.trim());
}
