// A VirtualService → how requests to its hosts are routed. TCP and TLS routes are refused: they are not implemented.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/

import { checkExportTo } from '../convert/export-to.ts';
import type { Conversion } from '../convert/findings.ts';
import type { KubernetesObject } from '../model/kubernetes-object.ts';
import type { VirtualServicePolicy } from '../model/policy.ts';
import { gatewayName, readHttpRoute } from './http-route.ts';
import { policyOrigin, readSpec, resolveHost, type PolicyContext } from './policy-fields.ts';

export function convertVirtualService(
  object: KubernetesObject,
  { domain }: PolicyContext,
): Conversion<VirtualServicePolicy> {
  const { spec, findings } = readSpec(object);
  const { namespace } = object.metadata;
  spec.refuse('tcp', 'tls');
  const declared = spec.strings('gateways');
  const gateways = declared.length === 0 ? ['mesh'] : declared.map((text) => gatewayName(text, namespace));
  const texts = spec.strings('hosts');
  if (texts.length === 0) spec.missing('hosts');
  const hosts = texts.map((text, index) => {
    const field = `spec.hosts[${index}]`;
    if (text === '*' && gateways.includes('mesh')) {
      findings.error(
        'invalid-host',
        field,
        'the host "*" would catch all traffic of the mesh: name hosts, or bind it to a gateway only',
      );
    }
    return resolveHost(text, field, findings, { namespace, domain, wildcard: 'allowed' });
  });
  const http = spec.objects('http').map((route) => readHttpRoute(route, { namespace, domain }));
  if (http.length === 0 && !spec.has('tcp') && !spec.has('tls')) {
    findings.error('missing-field', 'spec.http', 'spec.http has no route: add one');
  }
  const exportTo = checkExportTo(spec.strings('exportTo'), 'spec.exportTo', findings);
  spec.end();
  return findings.conclude({
    kind: 'VirtualService',
    ...policyOrigin(object),
    exportTo,
    hosts: [...new Set(hosts)],
    gateways,
    http,
  });
}
