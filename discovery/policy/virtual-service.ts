// A VirtualService → how requests and connections to its hosts are routed. One without hosts is a delegate.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/

import { checkExportTo } from '../convert/export-to.ts';
import type { FieldReader } from '../convert/field-reader.ts';
import type { Conversion, Findings } from '../convert/findings.ts';
import type { KubernetesObject } from '../model/kubernetes-object.ts';
import type { Hostname } from '../model/names.ts';
import type { HttpRoute, TlsRoute, VirtualServicePolicy } from '../model/policy.ts';
import { readTcpRoute, readTlsRoute } from './connection-route.ts';
import { gatewayName } from './gateway-name.ts';
import { readHttpRoute } from './http-route.ts';
import { policyOrigin, readSpec, resolveHost, type PolicyContext } from './policy-fields.ts';
import { findUnreachableRoutes } from './unreachable-routes.ts';

export function convertVirtualService(
  object: KubernetesObject,
  { domain }: PolicyContext,
): Conversion<VirtualServicePolicy> {
  const { spec, findings } = readSpec(object);
  const { namespace } = object.metadata;
  const context = { namespace, domain };
  const declared = spec.strings('gateways');
  const gateways = declared.length === 0 ? ['mesh'] : declared.map((text) => gatewayName(text, namespace));
  const texts = spec.strings('hosts');
  const hosts = texts.map((text, index) => {
    const field = `spec.hosts[${index}]`;
    if (text === '*' && gateways.includes('mesh')) {
      findings.error(
        'invalid-host',
        field,
        'the host "*" would catch all traffic of the mesh: name hosts, or bind it to a gateway only',
      );
    }
    return resolveHost(text, field, findings, { ...context, wildcard: 'allowed' });
  });
  const http = spec.objects('http').map((route) => readHttpRoute(route, context));
  const tls = spec.objects('tls').map((route) => readTlsRoute(route, context));
  const tcp = spec.objects('tcp').map((route) => readTcpRoute(route, context));
  if (texts.length === 0) checkDelegate(spec, findings);
  else {
    checkServerNames(tls, hosts, findings);
    if (http.length + tls.length + tcp.length === 0 && !findings.refused) {
      findings.error('missing-field', 'spec.http', 'spec has no route: add one to http, tls or tcp');
    }
  }
  checkClaims(http, texts.length === 0 ? [] : gateways, findings);
  findUnreachableRoutes(http, gateways, findings);
  const exportTo = checkExportTo(spec.strings('exportTo'), 'spec.exportTo', findings);
  spec.end();
  return findings.conclude({
    kind: 'VirtualService',
    ...policyOrigin(object),
    exportTo,
    hosts: [...new Set(hosts)],
    gateways,
    http,
    tcp,
    tls,
  });
}

/** Tokens are read by the proxy in front of the application that they are for: a caller's sidecar does not verify any. */
function checkClaims(http: readonly HttpRoute[], gateways: readonly string[], findings: Findings): void {
  for (const [index, { matches }] of http.entries()) {
    for (const [number, match] of matches.entries()) {
      const asked = [...match.headers, ...match.withoutHeaders].find(({ claim }) => claim !== undefined);
      const places = match.gateways.length > 0 ? match.gateways : gateways;
      if (asked === undefined || !places.includes('mesh')) continue;
      const field = `spec.http[${index}].match[${number}]`;
      const message = `${asked.name} can be looked at by gateways alone: name them in gateways of ${field}, or take mesh out of spec.gateways`;
      findings.error('conflicting-fields', `${field}.gateways`, message);
    }
  }
}

/** Hosts and gateways of a delegate are those of the VirtualService that names it. */
function checkDelegate(spec: FieldReader, findings: Findings): void {
  if (spec.list('http').length === 0) {
    const message = 'spec.hosts is missing: add it, or routes to http for a delegate of another VirtualService';
    findings.error('missing-field', 'spec.hosts', message);
  }
  for (const name of ['gateways', 'tcp', 'tls']) {
    if (spec.list(name).length === 0) continue;
    const message = `spec.${name} is not for a VirtualService without hosts, which is a delegate: add hosts, or remove it`;
    findings.error('conflicting-fields', `spec.${name}`, message);
  }
  for (const [index, route] of spec.objects('http').entries()) {
    if (!route.has('delegate')) continue;
    const field = `spec.http[${index}].delegate`;
    findings.error('conflicting-fields', field, 'a delegate may not delegate further: write the routes here');
  }
}

/** As Istio has it: who says that hosts are theirs may not take connections to other names. */
function checkServerNames(routes: readonly TlsRoute[], hosts: readonly Hostname[], findings: Findings): void {
  for (const [index, { matches }] of routes.entries()) {
    for (const [number, { sniHosts }] of matches.entries()) {
      for (const [place, name] of sniHosts.entries()) {
        if (hosts.some((host) => isWithin(name, host.toLowerCase()))) continue;
        const field = `spec.tls[${index}].match[${number}].sniHosts[${place}]`;
        findings.error('invalid-host', field, `"${name}" is within none of spec.hosts: add it there, or correct it`);
      }
    }
  }
}

/** Whether every name that `name` stands for is one that `host` stands for. */
function isWithin(name: string, host: string): boolean {
  if (host === '*' || name === host) return true;
  return host.startsWith('*') && name.endsWith(host.slice(1));
}
