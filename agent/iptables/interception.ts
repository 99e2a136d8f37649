// What is redirected to the proxy, checked: one frozen value from which the rules of both address families follow.

import type { AddressRange } from './address-range.ts';

export type Everything = 'all';

/** `TPROXY` keeps the caller's address as the application sees it; the proxy needs CAP_NET_ADMIN for it. */
export type InterceptionMode = 'REDIRECT' | 'TPROXY';

export type Interception = {
  /** How inbound connections reach the proxy. Outbound ones are redirected in both modes. */
  readonly mode: InterceptionMode;
  /** Where the proxy takes what the application sends, and what is sent to the application. */
  readonly outboundPort: number;
  readonly inboundPort: number;
  /** HBONE carries its own mTLS and is taken by the proxy at the port itself. */
  readonly tunnelPort: number;
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
  /** Network devices whose traffic is left alone in both directions. */
  readonly excludedInterfaces: readonly string[];
  /** Devices of virtual machines: what comes in there is outbound traffic of the workload. */
  readonly guestInterfaces: readonly string[];
  /** Which groups' outbound traffic is redirected. */
  readonly groups: GroupFilter;
  /** Port 53 of these name servers, or of all, goes to the agent; undefined: DNS is left alone. */
  readonly dns: Everything | readonly AddressRange[] | undefined;
  /** Packets that fit no connection are dropped instead of answered with a reset. */
  readonly dropInvalid: boolean;
  /** TPROXY: the mark of packets that are routed to the loopback device, and the table of that route. */
  readonly mark: number;
  readonly routeTable: number;
  /** Addresses that mean the pod itself: for IPv4 as configured, for IPv6 `::1/128`. */
  readonly loopbackRange: AddressRange;
};

export type GroupFilter =
  { readonly kind: 'all' } | { readonly kind: 'only' | 'except'; readonly ids: readonly number[] };
