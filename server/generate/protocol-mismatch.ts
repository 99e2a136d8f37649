// A VirtualService whose routes are of another kind than the ports of its host: they are not used.

import type { Problem } from '../../discovery/model/problem.ts';
import type { MeshService } from '../../discovery/model/service.ts';
import type { OutboundView } from '../view/outbound-view.ts';

/** `http` and `others`: how many ports of the service speak HTTP, and how many do not. */
export function protocolMismatch(
  view: OutboundView,
  { host }: MeshService,
  ports: { readonly http: number; readonly others: number },
): readonly Problem[] {
  const policy = view.virtualService(host);
  if (policy === undefined) return [];
  const { source: object, origin } = policy;
  const finding = (field: string, message: string): Problem => {
    return { severity: 'warning', code: 'protocol-mismatch', object, origin, field, message };
  };
  if (ports.http === 0 && policy.http.length > 0 && policy.tcp.length + policy.tls.length === 0) {
    const remedy = 'name a port of the service "http-…" or set its appProtocol, or write routes to spec.tcp';
    return [finding('spec.http', `No port of ${host} speaks HTTP, so the routes for it are not used; ${remedy}.`)];
  }
  if (ports.others > 0 || policy.http.length > 0) return [];
  const field = policy.tcp.length > 0 ? 'spec.tcp' : 'spec.tls';
  if (policy.tcp.length + policy.tls.length === 0) return [];
  const remedy = 'write routes to spec.http, or give the port another protocol';
  return [finding(field, `Every port of ${host} speaks HTTP, so the routes for connections are not used; ${remedy}.`)];
}
