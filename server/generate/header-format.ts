// Values of headers as Envoy reads them: `%NAME%` is a command, any other percent sign must be doubled, or the route is refused and
// with it whatever shares its response. In: a declared value. Out: one that Envoy takes.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/advanced/substitution_formatter

/** As it is when every percent sign is part of a command that Envoy knows; else the text itself. */
export function formatSafe(value: string): string {
  const rest = value.replaceAll('%%', '').replaceAll(command, (text, name: string, parameter: string | undefined) => {
    return isKnown(name, parameter) ? '' : text;
  });
  return rest.includes('%') ? value.replaceAll('%', '%%') : value;
}

/** `%NAME%`, `%NAME(parameter)%`, `%NAME(parameter):length%`. */
const command = /%([A-Z_0-9]+)(?:\(([^()]*)\))?(?::\d+)?%/g;

function isKnown(name: string, parameter: string | undefined): boolean {
  if (times.has(name)) return true;
  if (named.has(name)) return parameter !== undefined && /^[\w:?./-]+$/.test(parameter);
  return parameter === undefined && plain.has(name);
}

/** With a format of a time, or without. */
const times: ReadonlySet<string> = words(`START_TIME START_TIME_LOCAL EMIT_TIME DOWNSTREAM_PEER_CERT_V_START
  DOWNSTREAM_PEER_CERT_V_END UPSTREAM_PEER_CERT_V_START UPSTREAM_PEER_CERT_V_END`);

/** Of something that has a name. */
const named: ReadonlySet<string> = words(`REQ RESP REQUEST_HEADER RESPONSE_HEADER TRAILER DYNAMIC_METADATA
  UPSTREAM_METADATA CLUSTER_METADATA FILTER_STATE ENVIRONMENT QUERY_PARAM`);

const plain: ReadonlySet<string> = words(`PROTOCOL HOSTNAME ROUTE_NAME REQUESTED_SERVER_NAME RESPONSE_FLAGS
  RESPONSE_FLAGS_LONG RESPONSE_CODE RESPONSE_CODE_DETAILS CONNECTION_TERMINATION_DETAILS BYTES_RECEIVED BYTES_SENT DURATION
  REQUEST_DURATION RESPONSE_DURATION RESPONSE_TX_DURATION CONNECTION_ID UPSTREAM_CONNECTION_ID STREAM_ID UNIQUE_ID TRACE_ID
  FILTER_CHAIN_NAME VIRTUAL_CLUSTER_NAME ACCESS_LOG_TYPE PATH GRPC_STATUS DOWNSTREAM_REMOTE_ADDRESS
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_REMOTE_PORT DOWNSTREAM_DIRECT_REMOTE_ADDRESS
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_ADDRESS DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT
  DOWNSTREAM_LOCAL_PORT DOWNSTREAM_DIRECT_LOCAL_ADDRESS DOWNSTREAM_LOCAL_URI_SAN DOWNSTREAM_PEER_URI_SAN
  DOWNSTREAM_LOCAL_DNS_SAN DOWNSTREAM_PEER_DNS_SAN DOWNSTREAM_LOCAL_IP_SAN DOWNSTREAM_PEER_IP_SAN DOWNSTREAM_LOCAL_SUBJECT
  DOWNSTREAM_PEER_SUBJECT DOWNSTREAM_PEER_ISSUER DOWNSTREAM_PEER_SERIAL DOWNSTREAM_PEER_CERT DOWNSTREAM_PEER_FINGERPRINT_1
  DOWNSTREAM_PEER_FINGERPRINT_256 DOWNSTREAM_TLS_SESSION_ID DOWNSTREAM_TLS_CIPHER DOWNSTREAM_TLS_VERSION UPSTREAM_HOST
  UPSTREAM_HOST_NAME UPSTREAM_CLUSTER UPSTREAM_CLUSTER_RAW UPSTREAM_REMOTE_ADDRESS UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT
  UPSTREAM_REMOTE_PORT UPSTREAM_LOCAL_ADDRESS UPSTREAM_REQUEST_ATTEMPT_COUNT UPSTREAM_TRANSPORT_FAILURE_REASON
  UPSTREAM_PEER_URI_SAN UPSTREAM_PEER_SUBJECT UPSTREAM_TLS_CIPHER UPSTREAM_TLS_VERSION UPSTREAM_PROTOCOL
  TLS_JA3_FINGERPRINT`);

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(/\s+/));
}
