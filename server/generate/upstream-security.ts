// How the connections of a cluster are secured: as its DestinationRule says, else mesh mTLS with every endpoint that speaks it.

import type { Subset, TrafficPolicy } from '../../discovery/model/policy.ts';
import type { MeshService, ServicePort } from '../../discovery/model/service.ts';
import type { Cluster, Cluster_TransportSocketMatch } from '../../proto/generated/envoy.config.cluster.v3.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import type { AddressDiscovery } from './cluster.ts';
import { speaksHttp2 } from './connection-limits.ts';
import { sniName } from './names.ts';
import { subsetBehindGateway } from './traffic-policy.ts';
import { plainText, upstreamMtls, upstreamTls } from './transport-socket.ts';
import { struct } from './well-known-types.ts';

export interface SecuredCluster {
  readonly view: OutboundView;
  readonly service: MeshService;
  readonly port: ServicePort;
  readonly subset: Subset | undefined;
  readonly policy: TrafficPolicy;
}

/** `assigned`: whether each endpoint of the cluster says what it speaks. */
export function upstreamSecurity(
  { view, service, port, subset, policy }: SecuredCluster,
  discovery: AddressDiscovery,
): Pick<Cluster, 'transportSocket' | 'transportSocketMatches'> {
  const http2 = speaksHttp2(port, policy);
  const { tls } = policy;
  // A ServiceEntry says who its endpoints are, a rule may say otherwise.
  const ruled = tls?.subjectAltNames ?? [];
  const names = ruled.length > 0 ? ruled : (service.entry?.subjectAltNames ?? []);
  const mtls = () => {
    return upstreamMtls({
      sni: tls?.sni ?? sniName({ host: service.host, port: port.port, subset: subsetBehindGateway(subset) }),
      identities: names.length === 0 ? view.identities(service.host) : names,
      http2,
    });
  };
  switch (tls?.mode) {
    case 'disable':
      return {};
    case 'simple':
    case 'mutual':
      return {
        transportSocket: upstreamTls({
          tls: { ...tls, subjectAltNames: names },
          sni: tls.sni ?? service.externalName,
          alpn: alpnOf(policy, http2),
        }),
      };
    case 'istio-mutual':
      return { transportSocket: mtls() };
    case undefined:
      break;
  }
  if (!view.config.enableAutoMtls || discovery === 'dns' || service.entry?.isExternal === true) return {};
  if (discovery === 'endpoints' || discovery === 'looked-up') return { transportSocketMatches: automaticMtls(mtls()) };
  // Without an assignment no endpoint says what it speaks: mTLS when all of them do.
  return view.everyEndpointSpeaksMtls(service.host, port) ? { transportSocket: mtls() } : {};
}

// What the client speaks is not known before it does.
function alpnOf({ connectionPool }: TrafficPolicy, http2: boolean): readonly string[] {
  if (connectionPool?.upstreamProtocol === 'as-client') return [];
  return http2 ? ['h2'] : ['http/1.1'];
}

/** Each endpoint gets what it announces: mesh mTLS or plain text. */
function automaticMtls(
  transportSocket: NonNullable<Cluster['transportSocket']>,
): readonly Cluster_TransportSocketMatch[] {
  return [
    { name: 'tlsMode-istio', match: struct({ tlsMode: 'istio' }), transportSocket },
    { name: 'tlsMode-disabled', match: {}, transportSocket: plainText() },
  ];
}
