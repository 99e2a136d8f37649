// Names on the wire, as Istio has them: clusters, SNI, listeners, routes, and the ports that are the proxy's own.

import { isIPv6 } from 'node:net';
import type { Hostname } from '../../discovery/model/names.ts';
import type { AddressFamilies } from '../view/scope.ts';

export const outboundPort = 15_001;
export const inboundPort = 15_006;

/** Ports that the proxy or its agent listens on: a service port of that number gets no wildcard listener. */
export const reservedPorts: ReadonlySet<number> = new Set([
  15_000, 15_001, 15_002, 15_004, 15_006, 15_008, 15_020, 15_021, 15_053, 15_090,
]);

export const blackHoleCluster = 'BlackHoleCluster';
export const passthroughCluster = 'PassthroughCluster';
export const inboundPassthroughCluster = 'InboundPassthroughCluster';

/** A port of a host; `subset` is empty for all of its endpoints. */
export interface PortOfHost {
  readonly host: Hostname;
  readonly port: number;
  readonly subset: string;
}

/** `outbound|PORT|SUBSET|HOST` */
export function outboundClusterName({ host, port, subset }: PortOfHost): string {
  return `outbound|${port}|${subset}|${host}`;
}

/** `outbound|PORT||*.HOST`: the pods of a headless service by their own names, each where DNS says that it is. */
export function podClusterName(host: Hostname, port: number): string {
  return `outbound|${port}||*.${host}`;
}

/** `outbound_.PORT_.SUBSET_.HOST`: what a client says in its TLS hello, and the cluster that an east-west gateway has for it. */
export function sniName({ host, port, subset }: PortOfHost): string {
  return `outbound_.${port}_.${subset}_.${host}`;
}

/** `inbound|TARGETPORT||` */
export function inboundClusterName(port: number): string {
  return `inbound|${port}||`;
}

/** `ADDRESS_PORT`, an IPv6 address in brackets. */
export function listenerName(address: string, port: number): string {
  return `${bracketed(address)}_${port}`;
}

/** Name of the route configuration of a wildcard HTTP listener. */
export function routeName(port: number): string {
  return String(port);
}

/** Name of the route configuration of a gateway's HTTP port: `http.PORT`, with the address when it listens on one alone. */
export function gatewayRouteName(port: number, bind?: string): string {
  return bind === undefined ? `http.${port}` : `http.${port}.${bind}`;
}

/** `https.PORT.SERVER.GATEWAY.NAMESPACE`: of a server that ends TLS, which shares its routes with no other. */
export function tlsGatewayRouteName(of: {
  readonly port: number;
  readonly server: string;
  readonly gateway: string;
  readonly namespace: string;
}): string {
  return `https.${of.port}.${of.server}.${of.gateway}.${of.namespace}`;
}

/** `kubernetes://SECRET`: a certificate with its key, of the gateway's own namespace. */
export function credentialResourceName(secret: string): string {
  return `kubernetes://${secret}`;
}

/** `kubernetes://SECRET-cacert`: the roots that certificates of clients are checked against. */
export function clientRootsResourceName(secret: string): string {
  return `kubernetes://${secret}-cacert`;
}

/** `file-cert:CHAIN~KEY`: files beside the proxy, as both agents serve them. */
export function certificateFileName(chain: string, key: string): string {
  return `file-cert:${chain}~${key}`;
}

/** `file-root:PATH` */
export function rootsFileName(path: string): string {
  return `file-root:${path}`;
}

/** `ROUTE/HOST:PORT`: resource name and `name` field alike, since Envoy applies the removal of a virtual host only then. */
export function virtualHostName(route: string, host: Hostname, port: number): string {
  return `${route}/${host}:${port}`;
}

/** An IPv6 address in brackets, as in a Host header; others unchanged. */
export function bracketed(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}

/** Wildcard addresses to listen on, the main one first. */
export function wildcardAddresses(families: AddressFamilies): readonly [string, ...string[]] {
  if (families === 'ipv6') return ['::'];
  return families === 'dual' ? ['0.0.0.0', '::'] : ['0.0.0.0'];
}
