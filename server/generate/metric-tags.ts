// The tags of Istio's standard metrics as formats of Envoy's access log: only what differs from request to request. Who the proxy's own
// workload is and who stands behind an endpoint is known to the agent, which adds it to what Envoy counted.
// https://istio.io/latest/docs/reference/config/metrics/

import type { SideMetrics } from '../../discovery/model/policies/telemetry-metrics.ts';

/** A tag and its format. */
export type MetricTags = Readonly<Record<string, string>>;

/** For the agent: `NAME;NAMESPACE;CANONICAL-NAME;CANONICAL-REVISION;CLUSTER` of the endpoint that was chosen. */
const peerTag = 'isthmus_peer';

/** For the agent: names of tags that it is not to add, joined by commas. */
export const withoutTag = 'isthmus_without';

// Clusters carry the services that they lead to; one that leads to none, such as PassthroughCluster, is named itself.
const hasService = 'has(xds.cluster_metadata.filter_metadata.istio)';
const service = "xds.cluster_metadata.filter_metadata['istio']['services'][0]";

const destinationService: MetricTags = {
  destination_service: cel(`${hasService} ? ${service}['host'] : 'unknown'`),
  destination_service_name: cel(`${hasService} ? ${service}['name'] : xds.cluster_name`),
  destination_service_namespace: cel(`${hasService} ? ${service}['namespace'] : 'unknown'`),
};

export function connectionTags(metrics: SideMetrics): MetricTags {
  return { ...common(metrics), request_protocol: 'tcp' };
}

export function requestTags(metrics: SideMetrics): MetricTags {
  const isGrpc = "'content-type' in request.headers && request.headers['content-type'].startsWith('application/grpc')";
  return {
    ...common(metrics),
    request_protocol: cel(`${isGrpc} ? 'grpc' : 'http'`),
    response_code: '%RESPONSE_CODE%',
    grpc_response_status: '%GRPC_STATUS_NUMBER%',
  };
}

function common({ reporter }: SideMetrics): MetricTags {
  const ofSide: MetricTags =
    reporter === 'source'
      ? { destination_principal: '%UPSTREAM_PEER_URI_SAN%', [peerTag]: '%UPSTREAM_METADATA(istio:workload)%' }
      : {
          source_principal: '%DOWNSTREAM_PEER_URI_SAN%',
          connection_security_policy: cel("connection.mtls ? 'mutual_tls' : 'none'"),
        };
  return { reporter, ...ofSide, ...destinationService, response_flags: '%RESPONSE_FLAGS%' };
}

/** A CEL expression as a format. */
export function cel(expression: string): string {
  return `%CEL(${expression})%`;
}
