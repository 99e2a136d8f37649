// From the arguments of `istio-iptables` to what is intercepted. In: strings as the injection template writes them ('*', '', comma
// lists). Out: one frozen value, or an AgentError `invalid-options` that names the argument and says what would be right.

import { AgentError } from '../agent-error.ts';
import { parseAddressRange } from './address-range.ts';
import type { AddressRange } from './address-range.ts';
import type { GroupFilter, Interception } from './interception.ts';

/** The arguments by their long names. Lists are comma separated. */
export type InterceptionArguments = {
  readonly envoyPort: string;
  readonly inboundCapturePort: string;
  readonly inboundTunnelPort: string;
  /** Empty: 1337. */
  readonly proxyUid: string;
  /** Empty: the same numbers as `proxyUid`. */
  readonly proxyGid: string;
  readonly istioInboundInterceptionMode: string;
  readonly istioInboundTproxyMark: string;
  readonly istioInboundTproxyRouteTable: string;
  readonly istioInboundPorts: string;
  readonly istioLocalExcludePorts: string;
  readonly istioServiceCidr: string;
  readonly istioServiceExcludeCidr: string;
  readonly istioOutboundPorts: string;
  readonly istioLocalOutboundPortsExclude: string;
  readonly istioExcludeInterfaces: string;
  readonly kubeVirtInterfaces: string;
  /** Names or numbers; `*` for all. */
  readonly ownerGroups: string;
  readonly ownerGroupsExclude: string;
  readonly loopbackCidr: string;
  readonly redirectDns: boolean;
  readonly captureAllDns: boolean;
  readonly dropInvalid: boolean;
};

export type InterceptionSurroundings = {
  /** Of /etc/resolv.conf. */
  readonly nameservers: readonly string[];
  /** Of /etc/group; undefined when there is no such group. */
  readonly groupId: (name: string) => number | undefined;
};

/** What the injection template passes for a pod without annotations. */
export const defaultArguments: InterceptionArguments = {
  envoyPort: '15001',
  inboundCapturePort: '15006',
  inboundTunnelPort: '15008',
  proxyUid: '1337',
  proxyGid: '',
  istioInboundInterceptionMode: 'REDIRECT',
  istioInboundTproxyMark: '1337',
  istioInboundTproxyRouteTable: '133',
  istioInboundPorts: '*',
  istioLocalExcludePorts: '15090,15021,15020',
  istioServiceCidr: '*',
  istioServiceExcludeCidr: '',
  istioOutboundPorts: '',
  istioLocalOutboundPortsExclude: '',
  istioExcludeInterfaces: '',
  kubeVirtInterfaces: '',
  ownerGroups: '*',
  ownerGroupsExclude: '',
  loopbackCidr: '127.0.0.1/32',
  redirectDns: false,
  captureAllDns: false,
  dropInvalid: false,
};

const mostGroups = 64; // What one rule of the packet filter can hold.

/** Throws AgentError `invalid-options`. */
export function parseInterception(
  given: InterceptionArguments,
  surroundings: InterceptionSurroundings = { nameservers: [], groupId: () => undefined },
): Interception {
  const users = list(given.proxyUid).length === 0 ? defaultArguments.proxyUid : given.proxyUid;
  const groups = list(given.proxyGid).length === 0 ? users : given.proxyGid;
  return Object.freeze({
    mode: mode(given.istioInboundInterceptionMode),
    outboundPort: port('-p', given.envoyPort),
    inboundPort: port('-z', given.inboundCapturePort),
    tunnelPort: port('-e', given.inboundTunnelPort),
    proxyUserIds: list(users).map((text) => id('-u', text)),
    proxyGroupIds: list(groups).map((text) => id('-g', text)),
    inboundPorts: given.istioInboundPorts.trim() === '*' ? 'all' : ports('-b', given.istioInboundPorts, true),
    excludedInboundPorts: ports('-d', given.istioLocalExcludePorts),
    outboundRanges: given.istioServiceCidr.trim() === '*' ? 'all' : ranges('-i', given.istioServiceCidr, true),
    excludedOutboundRanges: ranges('-x', given.istioServiceExcludeCidr),
    outboundPorts: ports('-q', given.istioOutboundPorts),
    excludedOutboundPorts: ports('-o', given.istioLocalOutboundPortsExclude),
    excludedInterfaces: interfaces('-c', given.istioExcludeInterfaces),
    guestInterfaces: interfaces('-k', given.kubeVirtInterfaces),
    groups: groupFilter(given, surroundings),
    dns: given.redirectDns ? dnsServers(given, surroundings) : undefined,
    dropInvalid: given.dropInvalid,
    mark: number('-t', given.istioInboundTproxyMark, { from: 1, to: 4_294_967_295 }),
    routeTable: number('-r', given.istioInboundTproxyRouteTable, { from: 1, to: 4_294_967_295 }),
    loopbackRange: loopback(given.loopbackCidr),
  });
}

function mode(text: string): Interception['mode'] {
  if (text !== 'REDIRECT' && text !== 'TPROXY') throw invalid(`-m: "${text}" is not a mode: use REDIRECT or TPROXY`);
  return text;
}

function list(text: string): readonly string[] {
  const parts = text.split(',').map((part) => part.trim());
  return [...new Set(parts.filter((part) => part !== ''))];
}

function ports(argument: string, text: string, orAll = false): readonly number[] {
  return list(text).map((part) => port(argument, part, orAll ? `, or '*' alone` : ''));
}

function port(argument: string, text: string, or = ''): number {
  return number(argument, text, { from: 1, to: 65_535 }, 'a port', or);
}

function id(argument: string, text: string): number {
  return number(argument, text, { from: 0, to: 4_294_967_294 }, 'a numeric id');
}

function number(
  argument: string,
  text: string,
  { from, to }: { readonly from: number; readonly to: number },
  what = 'a number in range',
  or = '',
): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (value < from || value > to) {
    throw invalid(`${argument}: "${text}" is not ${what}: give a number from ${from} to ${to}${or}`);
  }
  return value;
}

function ranges(argument: string, text: string, orAll = false): readonly AddressRange[] {
  return list(text).map((part) => {
    const range = parseAddressRange(part);
    if (range !== undefined) return range;
    throw invalid(
      `${argument}: "${part}" is not an address range: give one like 10.0.0.0/8 or fd00::/8${orAll ? `, or '*' alone` : ''}`,
    );
  });
}

// Longer names can't exist, and a blank or an option in one would become part of a rule.
function interfaces(argument: string, text: string): readonly string[] {
  return list(text).map((name) => {
    if (/^[A-Za-z0-9][^\s/!"'\\]{0,14}$/.test(name)) return name;
    throw invalid(
      `${argument}: "${name}" is not the name of a network device: give one like eth1, up to 15 characters`,
    );
  });
}

function groupFilter(given: InterceptionArguments, { groupId }: InterceptionSurroundings): GroupFilter {
  const only = given.ownerGroups.trim() === '*' ? [] : list(given.ownerGroups);
  const except = list(given.ownerGroupsExclude);
  if (only.length > 0 && except.length > 0) {
    throw invalid('--owner-groups and --owner-groups-exclude: give one of them, not both');
  }
  const ids = (argument: string, names: readonly string[]): readonly number[] => {
    if (names.length > mostGroups) throw invalid(`${argument}: ${names.length} groups, ${mostGroups} are possible`);
    return names.map((name) => {
      const found = /^\d+$/.test(name) ? id(argument, name) : groupId(name);
      if (found !== undefined) return found;
      throw invalid(`${argument}: there is no group "${name}" in /etc/group here: give its number`);
    });
  };
  if (only.length > 0) return { kind: 'only', ids: ids('--owner-groups', only) };
  return except.length > 0 ? { kind: 'except', ids: ids('--owner-groups-exclude', except) } : { kind: 'all' };
}

function dnsServers(given: InterceptionArguments, { nameservers }: InterceptionSurroundings): Interception['dns'] {
  if (given.captureAllDns) return 'all';
  const found = nameservers.flatMap((address) => parseAddressRange(address) ?? []);
  return found.length === 0 ? undefined : found;
}

function loopback(text: string): AddressRange {
  const range = parseAddressRange(text);
  if (range?.family === 'ipv4' && range.isLoopback) return range;
  throw invalid(`--loopback-cidr: "${text}" is not a part of 127.0.0.0/8`);
}

function invalid(message: string): AgentError {
  return new AgentError('invalid-options', message);
}
