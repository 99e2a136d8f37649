// `accessLogFormat` and `accessLogEncoding` of MeshConfig. Out: how a line of the file of `accessLogFile` is written; undefined for the
// product's own line.

import { parseDocument } from 'yaml';
import type { AccessLogFormat } from '../model/mesh-config.ts';
import { readChoice } from './choice.ts';
import { checkOperators } from './command-operators.ts';
import { isMapping, show, type FieldReader } from './field-reader.ts';

export function readAccessLogFormat(reader: FieldReader): AccessLogFormat | undefined {
  const format = reader.string('accessLogFormat') ?? '';
  const isJson = readChoice(reader, 'accessLogEncoding', { TEXT: false, JSON: true }) === true;
  checkOperators(reader, reader.at('accessLogFormat'), format);
  if (!isJson) return format === '' ? undefined : { kind: 'text', text: format };
  if (format === '') return { kind: 'json', labels: standardLabels };
  const labels = parsed(format);
  if (isMapping(labels) && Object.values(labels).every((label) => typeof label === 'string')) {
    return {
      kind: 'json',
      labels: Object.fromEntries(Object.entries(labels).map(([name, label]) => [name, String(label)])),
    };
  }
  const message = `${show(format)} is no mapping of texts in JSON, which accessLogEncoding asks for: correct it`;
  reader.findings.error('invalid-value', reader.at('accessLogFormat'), message);
  return undefined;
}

function parsed(text: string): unknown {
  try {
    const document = parseDocument(text);
    const value: unknown = document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 0 });
    return value;
  } catch {
    return undefined;
  }
}

/** What lines of JSON hold unless said otherwise. */
const standardLabels: Readonly<Record<string, string>> = Object.freeze({
  start_time: '%START_TIME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  authority: '%REQ(:AUTHORITY)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  user_agent: '%REQ(USER-AGENT)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  route_name: '%ROUTE_NAME%',
});
