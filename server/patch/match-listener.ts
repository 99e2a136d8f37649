// Whether a listener, a filter chain or a filter is one that a patch is for.

import { filterName } from '../../discovery/policy/envoy-filter/filter-names.ts';
import type { EnvoyPatch } from '../../discovery/model/policy.ts';
import type { FilterChain, Listener } from '../../proto/generated/envoy.config.listener.v3.ts';

/** Ports of Gateways behind which a socket of the pod is, by the socket's port. */
export type GatewayPorts = ReadonlyMap<number, ReadonlySet<number>>;

/** These take connections to all ports; which port a chain of them is for is in its match. */
const forAllPorts: ReadonlySet<string> = new Set(['virtualInbound', 'virtualOutbound']);

export function listenerMatches(
  listener: Listener,
  { applyTo, listener: match }: EnvoyPatch,
  gatewayPorts: GatewayPorts,
): boolean {
  if (match === undefined) return true;
  if (match.name !== undefined && match.name !== listener.name) return false;
  if (match.port === undefined || (applyTo !== 'listener' && forAllPorts.has(listener.name ?? ''))) return true;
  const port = listener.address?.socketAddress?.portValue;
  return port === match.port || (port !== undefined && gatewayPorts.get(port)?.has(match.port) === true);
}

/** Of a listener that matches. */
export function chainMatches(listener: Listener, chain: FilterChain, { listener: match }: EnvoyPatch): boolean {
  if (match === undefined) return true;
  const { filterChainMatch: of = {} } = chain;
  const port = of.destinationPort?.value;
  if (match.port !== undefined && forAllPorts.has(listener.name ?? '') && port !== match.port) return false;
  const wanted = match.chain;
  if (wanted === undefined) return true;
  const { name, sni, transportProtocol, applicationProtocols = [], destinationPort } = wanted;
  return (
    (name === undefined || name === chain.name) &&
    (sni === undefined || of.serverNames?.includes(sni) === true) &&
    (transportProtocol === undefined || transportProtocol === of.transportProtocol) &&
    applicationProtocols.every((protocol) => of.applicationProtocols?.includes(protocol)) &&
    (destinationPort === undefined || destinationPort === port)
  );
}

/** Whether a filter has that name, today's or an earlier one. */
export function isNamed(filter: { readonly name?: string | undefined }, name: string): boolean {
  return filterName(filter.name ?? '') === name;
}

/** The filter that a patch names, by its match or, where something there is changed, by the name of what it is changed to. */
export function namedFilter({ operation, value }: EnvoyPatch, matched: string | undefined): string | undefined {
  if (matched !== undefined || operation.startsWith('insert-') || operation === 'add') return matched;
  const name = value?.['name'];
  return typeof name === 'string' && name !== '' ? filterName(name) : undefined;
}
