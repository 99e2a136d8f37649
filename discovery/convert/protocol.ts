// The application protocol of a Service port, as Istio selects it: `appProtocol` first, else the port's name up to the
// first dash, else TCP. https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/

import type { Protocol } from '../model/service.ts';

const byName: ReadonlyMap<string, Protocol> = new Map<string, Protocol>([
  ['http', 'http'],
  ['http_proxy', 'http'],
  ['http2', 'http2'],
  ['grpc', 'grpc'],
  ['https', 'https'],
  ['tls', 'tls'],
  ['tcp', 'tcp'],
  ['mongo', 'mongo'],
  ['mysql', 'mysql'],
  ['redis', 'redis'],
  ['udp', 'udp'],
]);

/** Names that Kubernetes itself defines for `appProtocol`. */
const standard: ReadonlyMap<string, Protocol> = new Map<string, Protocol>([
  ['kubernetes.io/h2c', 'http2'],
  ['kubernetes.io/ws', 'http'],
  ['kubernetes.io/wss', 'https'],
]);

export function selectProtocol(portName: string, appProtocol: string | undefined): Protocol {
  const name = (appProtocol ?? portName).toLowerCase();
  const defined = standard.get(name);
  if (appProtocol !== undefined && defined !== undefined) return defined;
  const [prefix = ''] = name.split('-');
  return byName.get(prefix) ?? 'tcp';
}
