// An entry of `metrics` of a Telemetry → which of Istio's standard metrics are left out, and what is changed about their tags.
// https://istio.io/latest/docs/reference/config/telemetry/#Metrics

import { readChoice } from '../convert/choice.ts';
import { show, type FieldReader } from '../convert/field-reader.ts';
import {
  metricNames,
  type MetricName,
  type Metrics,
  type MetricsOverride,
  type TagOverride,
} from '../model/policies/telemetry-metrics.ts';
import { readCelOperator } from './cel-expression.ts';
import { readMatchedMode, readProviders } from './telemetry-fields.ts';

const metricsByWord: Readonly<Record<string, readonly MetricName[]>> = {
  ALL_METRICS: metricNames,
  REQUEST_COUNT: ['requests_total'],
  REQUEST_DURATION: ['request_duration_milliseconds'],
  REQUEST_SIZE: ['request_bytes'],
  RESPONSE_SIZE: ['response_bytes'],
  TCP_OPENED_CONNECTIONS: ['tcp_connections_opened_total'],
  TCP_CLOSED_CONNECTIONS: ['tcp_connections_closed_total'],
  TCP_SENT_BYTES: ['tcp_sent_bytes_total'],
  TCP_RECEIVED_BYTES: ['tcp_received_bytes_total'],
  GRPC_REQUEST_MESSAGES: ['request_messages_total'],
  GRPC_RESPONSE_MESSAGES: ['response_messages_total'],
};

export function readMetrics(reader: FieldReader): Metrics {
  // Connections are counted when they end.
  reader.disregard('reportingInterval');
  const metrics = {
    providers: readProviders(reader),
    overrides: reader.objects('overrides').map((override) => readOverride(override)),
  };
  reader.end();
  return metrics;
}

function readOverride(reader: FieldReader): MetricsOverride {
  const match = reader.object('match');
  // Only what a Wasm extension counts has such a name.
  match?.refuse('customMetric');
  const mode = readMatchedMode(match);
  const metrics = match === undefined ? undefined : readChoice(match, 'metric', metricsByWord);
  match?.end();
  const override = {
    metrics: metrics ?? metricNames,
    mode,
    ...readDisabled(reader),
    tags: readTagOverrides(reader),
  };
  reader.end();
  return override;
}

function readDisabled(reader: FieldReader): Pick<MetricsOverride, 'disabled'> {
  const disabled = reader.boolean('disabled');
  return disabled === undefined ? {} : { disabled };
}

function readTagOverrides(outer: FieldReader): Readonly<Record<string, TagOverride>> {
  const overrides: Record<string, TagOverride> = {};
  const reader = outer.object('tagOverrides');
  for (const name of reader?.keys() ?? []) {
    const field = reader?.at(name) ?? name;
    if (!/^(?!__|le$)[A-Za-z_]\w*$/.test(name)) {
      const message = `${show(name)} is not the name of a tag (letters, digits and _; le and what begins with __ are Prometheus's own): correct it`;
      outer.findings.error('invalid-value', field, message);
    }
    const override = reader?.object(name);
    const read = override === undefined ? undefined : readTagOverride(override);
    if (read !== undefined) overrides[name] = read;
  }
  return overrides;
}

function readTagOverride(reader: FieldReader): TagOverride | undefined {
  const operation = readChoice(reader, 'operation', { UPSERT: 'set', REMOVE: 'remove' } as const) ?? 'set';
  if (operation === 'set') {
    const expression = readCelOperator(reader, 'value');
    reader.end();
    return expression === undefined ? undefined : { kind: 'set', expression };
  }
  if (reader.has('value')) {
    const message = `${reader.at('value')} has no effect where a tag is removed: remove one of both`;
    reader.findings.error('conflicting-fields', reader.at('value'), message);
  }
  reader.end();
  return { kind: 'remove' };
}
