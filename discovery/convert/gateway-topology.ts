// `gatewayTopology` of a ProxyConfig. In: the mapping, of MeshConfig's `defaultConfig` or of one proxy. Out: what it says.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#Topology

import type { ForwardClientCertificate, GatewayTopology } from '../model/gateway-topology.ts';
import { readChoice } from './choice.ts';
import type { FieldReader } from './field-reader.ts';

const forwarding: Readonly<Record<string, ForwardClientCertificate | undefined>> = {
  UNDEFINED: undefined,
  SANITIZE: 'sanitize',
  FORWARD_ONLY: 'forward-only',
  APPEND_FORWARD: 'append-forward',
  SANITIZE_SET: 'sanitize-set',
  ALWAYS_FORWARD_ONLY: 'always-forward-only',
};

/** More proxies than these stand in front of nobody. */
const mostProxies = 100;

/** Undefined where nothing is said. */
export function readGatewayTopology(config: FieldReader | undefined): GatewayTopology | undefined {
  const reader = config?.object('gatewayTopology');
  if (reader === undefined) return undefined;
  const trustedProxies = reader.integer('numTrustedProxies', 0, mostProxies);
  const clientCertificate = readChoice(reader, 'forwardClientCertDetails', forwarding);
  reader.warnRest();
  if (trustedProxies === undefined && clientCertificate === undefined) return undefined;
  return { trustedProxies, clientCertificate };
}
