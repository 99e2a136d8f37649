// TCP and TLS routes of a VirtualService: connections by where they come from, where they go and the server name of their hello.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#TCPRoute

import ipaddr from 'ipaddr.js';
import { show, type FieldReader } from '../convert/field-reader.ts';
import type { Findings } from '../convert/findings.ts';
import type { ConnectionMatch, TcpRoute, TlsMatch, TlsRoute } from '../model/policy.ts';
import { gatewayName } from './gateway-name.ts';
import { readDestinations, type RouteContext } from './route-destination.ts';

export function readTcpRoute(reader: FieldReader, context: RouteContext): TcpRoute {
  const matches = reader.objects('match').map((match) => {
    const read = readConnectionMatch(match, context.namespace);
    match.end();
    return read;
  });
  return { matches, destinations: readTargets(reader, context) };
}

export function readTlsRoute(reader: FieldReader, context: RouteContext): TlsRoute {
  const matches = reader.objects('match').map((match): TlsMatch => {
    const sniHosts = match.strings('sniHosts').map((text, index) => {
      const field = `${match.at('sniHosts')}[${index}]`;
      checkServerName(text, field, match.findings);
      return text.toLowerCase();
    });
    if (sniHosts.length === 0) match.missing('sniHosts');
    const read = { ...readConnectionMatch(match, context.namespace), sniHosts };
    match.end();
    return read;
  });
  if (matches.length === 0) reader.missing('match');
  return { matches, destinations: readTargets(reader, context) };
}

function readTargets(reader: FieldReader, context: RouteContext): TcpRoute['destinations'] {
  const destinations = readDestinations(reader, context, 'connection');
  if (reader.list('route').length === 0) reader.missing('route');
  reader.end();
  return destinations;
}

function readConnectionMatch(reader: FieldReader, namespace: string): ConnectionMatch {
  const destinationSubnets = reader.strings('destinationSubnets').map((text, index) => {
    return readSubnet(text, `${reader.at('destinationSubnets')}[${index}]`, reader.findings);
  });
  const source = reader.string('sourceSubnet');
  const sourceSubnet =
    source === undefined || source === '' ? undefined : readSubnet(source, reader.at('sourceSubnet'), reader.findings);
  const sourceNamespace = reader.string('sourceNamespace');
  const port = reader.port('port');
  return {
    destinationSubnets,
    ...(sourceSubnet === undefined ? {} : { sourceSubnet }),
    ...(port === undefined ? {} : { port }),
    sourceLabels: reader.stringMap('sourceLabels'),
    ...(sourceNamespace === undefined || sourceNamespace === '' ? {} : { sourceNamespace }),
    gateways: reader.strings('gateways').map((gateway) => gatewayName(gateway, namespace)),
  };
}

/** `10.0.0.0/8`; an address alone is that address. Bits after the prefix are cleared. */
function readSubnet(text: string, field: string, findings: Findings): string {
  const full = text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`;
  try {
    const [, bits] = ipaddr.parseCIDR(full);
    const address = full.includes(':')
      ? ipaddr.IPv6.networkAddressFromCIDR(full)
      : ipaddr.IPv4.networkAddressFromCIDR(full);
    return `${address.toString()}/${bits}`;
  } catch {
    const message = `${show(text)} is neither an address nor a subnet such as "10.0.0.0/8": correct it`;
    findings.error('invalid-address', field, message);
    return text;
  }
}

function checkServerName(text: string, field: string, findings: Findings): void {
  const label = '[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?';
  if (new RegExp(`^(\\*|(\\*\\.)?${label}(\\.${label})*)$`, 'i').test(text)) return;
  const message = `${show(text)} is neither a server name nor a pattern such as "*.example.com": correct it`;
  findings.error('invalid-host', field, message);
}
