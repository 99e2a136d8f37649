// The nat rules that send an application's traffic through its proxy, as text for `iptables-restore --noflush`. Pure. In: what to
// intercept, the address family, and the nat table as `iptables-save` shows it now. Out: one transaction. The chains have Istio's
// names, so that tools which look for them find them.

import type { AddressRange, Interception } from './interception.ts';

export type Family = AddressRange['family'];

const chains = ['ISTIO_INBOUND', 'ISTIO_IN_REDIRECT', 'ISTIO_OUTPUT', 'ISTIO_REDIRECT'] as const;

// HBONE carries its own mTLS and is taken by the proxy at the port itself.
const tunnelPort = 15_008;

/**
 * The transaction that makes the rules be exactly those of `interception`, whatever of ours is in the table before: the chains are
 * declared (which empties them), older jumps into them are deleted, new ones are appended.
 */
export function installRules(interception: Interception, family: Family, currentTable = ''): string {
  return transaction([
    ...chains.map((chain) => `:${chain} - [0:0]`),
    ...jumpDeletions(currentTable),
    ...redirections(interception),
    ...inboundRules(interception),
    ...outboundRules(interception, family),
    '-A PREROUTING -p tcp -j ISTIO_INBOUND',
    '-A OUTPUT -p tcp -j ISTIO_OUTPUT',
  ]);
}

/** The transaction that removes whatever of ours is in the table; undefined when there is nothing. */
export function removeRules(currentTable: string): string | undefined {
  const lines = currentTable.split('\n');
  const present = chains.filter((chain) => lines.some((line) => line.startsWith(`:${chain} `)));
  if (present.length === 0) return undefined;
  return transaction([
    ...jumpDeletions(currentTable),
    // All are emptied before one goes: they refer to each other.
    ...present.map((chain) => `-F ${chain}`),
    ...present.map((chain) => `-X ${chain}`),
  ]);
}

function redirections({ outboundPort, inboundPort }: Interception): readonly string[] {
  return [
    `-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports ${outboundPort}`,
    `-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports ${inboundPort}`,
  ];
}

function inboundRules({ inboundPorts, excludedInboundPorts }: Interception): readonly string[] {
  const untouched = [tunnelPort, ...excludedInboundPorts].map(
    (port) => `-A ISTIO_INBOUND -p tcp --dport ${port} -j RETURN`,
  );
  if (inboundPorts === 'all') return [...untouched, '-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT'];
  return [...untouched, ...inboundPorts.map((port) => `-A ISTIO_INBOUND -p tcp --dport ${port} -j ISTIO_IN_REDIRECT`)];
}

// The first rule that matches decides, so the order is the meaning.
function outboundRules(interception: Interception, family: Family): readonly string[] {
  const loopback = family === 'ipv4' ? '127.0.0.1/32' : '::1/128';
  // The proxy's inbound passthrough connections to the application are bound to this address: see the cluster InboundPassthroughCluster.
  const passthrough = family === 'ipv4' ? '127.0.0.6/32' : '::6/128';
  const owners = [
    ...interception.proxyUserIds.map((id) => `--uid-owner ${id}`),
    ...interception.proxyGroupIds.map((id) => `--gid-owner ${id}`),
  ];
  const ofFamily = (ranges: readonly AddressRange[]): readonly string[] =>
    ranges.filter((range) => range.family === family).map(({ cidr }) => cidr);
  const { outboundRanges } = interception;
  const rules = [
    `-o lo -s ${passthrough} -j RETURN`,
    ...interception.excludedOutboundPorts.map((port) => `-p tcp --dport ${port} -j RETURN`),
    // The application calls a service that it is itself an endpoint of: the proxy's connection to the pod's own address has to
    // come in through the inbound listener like anyone else's.
    ...owners.map(
      (owner) => `-o lo ! -d ${loopback} -p tcp ! --dport ${tunnelPort} -m owner ${owner} -j ISTIO_IN_REDIRECT`,
    ),
    // What the application says to its own pod stays with it: probes of itself, side processes.
    ...(owners.length > 0 ? [`-o lo ${owners.map((owner) => `-m owner ! ${owner}`).join(' ')} -j RETURN`] : []),
    ...owners.map((owner) => `-m owner ${owner} -j RETURN`),
    `-d ${loopback} -j RETURN`,
    ...ofFamily(interception.excludedOutboundRanges).map((cidr) => `-d ${cidr} -j RETURN`),
    ...interception.outboundPorts.map((port) => `-p tcp --dport ${port} -j ISTIO_REDIRECT`),
    ...(outboundRanges === 'all'
      ? ['-j ISTIO_REDIRECT']
      : ofFamily(outboundRanges).map((cidr) => `-d ${cidr} -j ISTIO_REDIRECT`)),
  ];
  return rules.map((rule) => `-A ISTIO_OUTPUT ${rule}`);
}

/** Deletes the jumps from the table's own chains into ours, as the table has them now. */
function jumpDeletions(currentTable: string): readonly string[] {
  return currentTable
    .split('\n')
    .filter((line) => /^-A (PREROUTING|OUTPUT) .*-j ISTIO_/.test(line))
    .map((line) => line.replace(/^-A/, '-D'));
}

function transaction(lines: readonly string[]): string {
  return ['*nat', ...lines, 'COMMIT', ''].join('\n');
}
