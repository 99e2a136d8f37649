// What is redirected to the proxy, and its parsing from the arguments of `istio-iptables`. In: strings as the injection template
// writes them ('*', '', comma lists). Out: one frozen value, or an AgentError that names the argument.

import ipaddr from 'ipaddr.js';
import { AgentError } from '../agent-error.ts';

export type Everything = 'all';

export type Interception = {
  /** Where the proxy takes what the application sends, and what is sent to the application. */
  readonly outboundPort: number;
  readonly inboundPort: number;
  /** Programs that run as one of these users or groups are the proxy: what they send is left alone. */
  readonly proxyUserIds: readonly number[];
  readonly proxyGroupIds: readonly number[];
  /** Ports of the application whose callers go through the proxy, minus the excluded ones. */
  readonly inboundPorts: Everything | readonly number[];
  readonly excludedInboundPorts: readonly number[];
  /** Destinations that are reached through the proxy: address ranges, minus the excluded ones. */
  readonly outboundRanges: Everything | readonly AddressRange[];
  readonly excludedOutboundRanges: readonly AddressRange[];
  /** Ports that go through the proxy whatever their address, and ports that never do. */
  readonly outboundPorts: readonly number[];
  readonly excludedOutboundPorts: readonly number[];
};

export type AddressRange = { readonly family: 'ipv4' | 'ipv6'; readonly cidr: string };

/** The arguments by their one-letter names: those of `istio-iptables` that have a meaning in REDIRECT mode. */
export type InterceptionArguments = {
  readonly p: string;
  readonly z: string;
  readonly u: string;
  /** Default: the same numbers as `u`. */
  readonly g?: string | undefined;
  readonly m: string;
  readonly i: string;
  readonly x: string;
  readonly b: string;
  readonly d: string;
  readonly o: string;
  readonly q: string;
};

/** What the injection template passes for a pod without annotations. */
export const defaultArguments: InterceptionArguments = {
  p: '15001',
  z: '15006',
  u: '1337',
  m: 'REDIRECT',
  i: '*',
  x: '',
  b: '*',
  d: '15090,15021,15020',
  o: '',
  q: '',
};

/** Throws AgentError `invalid-options` that names the argument at fault. */
export function parseInterception(given: InterceptionArguments): Interception {
  if (given.m !== 'REDIRECT') {
    throw new AgentError('invalid-options', `-m ${given.m}: only REDIRECT is supported`);
  }
  return Object.freeze({
    outboundPort: port('-p', given.p),
    inboundPort: port('-z', given.z),
    proxyUserIds: list(given.u).map((text) => id('-u', text)),
    proxyGroupIds: list(given.g ?? given.u).map((text) => id('-g', text)),
    inboundPorts: given.b.trim() === '*' ? 'all' : ports('-b', given.b),
    excludedInboundPorts: ports('-d', given.d),
    outboundRanges: given.i.trim() === '*' ? 'all' : list(given.i).map((text) => range('-i', text)),
    excludedOutboundRanges: list(given.x).map((text) => range('-x', text)),
    outboundPorts: ports('-q', given.q),
    excludedOutboundPorts: ports('-o', given.o),
  });
}

function list(text: string): readonly string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function ports(argument: string, text: string): readonly number[] {
  return list(text).map((part) => port(argument, part));
}

function port(argument: string, text: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > 65_535) throw new AgentError('invalid-options', `${argument}: "${text}" is not a port`);
  return value;
}

function id(argument: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new AgentError('invalid-options', `${argument}: "${text}" is not a numeric id`);
  return Number(text);
}

function range(argument: string, text: string): AddressRange {
  const cidr = text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`;
  if (!ipaddr.isValidCIDR(cidr)) {
    throw new AgentError('invalid-options', `${argument}: "${text}" is not an address range like 10.0.0.0/8`);
  }
  return { family: ipaddr.parseCIDR(cidr)[0].kind(), cidr };
}
