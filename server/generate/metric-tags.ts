// The tags of Istio's standard metrics as formats of Envoy's access log. What only a proxy's agent knows (who its own workload is, and who
// stands behind an endpoint) is `unknown` here and filled in by the agent, from `isthmus_peer` where it is about the other side.
// https://istio.io/latest/docs/reference/config/metrics/

import type { SideMetrics } from '../../discovery/model/policies/telemetry-metrics.ts';

/** A tag and its format. */
export type MetricTags = Readonly<Record<string, string>>;

/** `NAME;NAMESPACE;CANONICAL-NAME;CANONICAL-REVISION;CLUSTER` of the endpoint that was chosen. */
export const peerTag = 'isthmus_peer';

const unknown = 'unknown';

const workload = (side: string): MetricTags => ({
  [`${side}_workload`]: unknown,
  [`${side}_workload_namespace`]: unknown,
  [`${side}_canonical_service`]: unknown,
  [`${side}_canonical_revision`]: unknown,
  [`${side}_app`]: unknown,
  [`${side}_version`]: unknown,
  [`${side}_cluster`]: unknown,
});

// Clusters carry the services that they lead to; one that leads to none, such as PassthroughCluster, is named itself.
const hasService = 'has(xds.cluster_metadata.filter_metadata.istio)';
const service = "xds.cluster_metadata.filter_metadata['istio']['services'][0]";

const destinationService: MetricTags = {
  destination_service: cel(`${hasService} ? ${service}['host'] : 'unknown'`),
  destination_service_name: cel(`${hasService} ? ${service}['name'] : xds.cluster_name`),
  destination_service_namespace: cel(`${hasService} ? ${service}['namespace'] : 'unknown'`),
};

function common({ reporter }: SideMetrics): MetricTags {
  const isSource = reporter === 'source';
  return {
    reporter,
    ...workload('source'),
    source_principal: isSource ? unknown : '%DOWNSTREAM_PEER_URI_SAN%',
    ...workload('destination'),
    destination_principal: isSource ? '%UPSTREAM_PEER_URI_SAN%' : unknown,
    ...destinationService,
    response_flags: '%RESPONSE_FLAGS%',
    // As in Istio, only who is called tells.
    connection_security_policy: isSource ? unknown : cel("connection.mtls ? 'mutual_tls' : 'none'"),
    ...(isSource ? { [peerTag]: '%UPSTREAM_METADATA(istio:workload)%' } : {}),
  };
}

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

/** A CEL expression as a format. */
export function cel(expression: string): string {
  return `%CEL(${expression})%`;
}
