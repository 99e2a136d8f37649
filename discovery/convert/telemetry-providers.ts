// Extension providers of MeshConfig that take access logs and spans. In: one entry of `extensionProviders`. Out: those it declares.

import type { ExtensionProvider, LogProvider, TracingProvider } from '../model/extension-provider.ts';
import { hostname, type Hostname } from '../model/names.ts';
import { checkOperators } from './command-operators.ts';
import { readDuration } from './duration.ts';
import type { FieldReader } from './field-reader.ts';

export function readTelemetryProviders(entry: FieldReader, name: string): readonly ExtensionProvider[] {
  const file = entry.object('envoyFileAccessLog');
  const http = entry.object('envoyHttpAls');
  const tcp = entry.object('envoyTcpAls');
  const openTelemetryLog = entry.object('envoyOtelAls');
  const openTelemetry = entry.object('opentelemetry');
  const zipkin = entry.object('zipkin');
  const prometheus = entry.object('prometheus');
  prometheus?.warnRest();
  return [
    ...(file === undefined ? [] : [readFileLog(file, name)]),
    ...(http === undefined ? [] : [readGrpcLog('http-grpc-log', http, name)]),
    ...(tcp === undefined ? [] : [readGrpcLog('tcp-grpc-log', tcp, name)]),
    ...(openTelemetryLog === undefined ? [] : [readOpenTelemetryLog(openTelemetryLog, name)]),
    ...(openTelemetry === undefined ? [] : [readOpenTelemetry(openTelemetry, name)]),
    ...(zipkin === undefined ? [] : [readZipkin(zipkin, name)]),
    ...(prometheus === undefined ? [] : [{ kind: 'prometheus' as const, name }]),
  ];
}

function readService(reader: FieldReader): { readonly service: Hostname; readonly port: number } {
  const service = reader.requiredString('service');
  const port = reader.port('port');
  if (!reader.has('port')) reader.missing('port');
  // `NAMESPACE/HOST` says whose service is meant where two namespaces have the host.
  return { service: hostname(service.slice(service.indexOf('/') + 1)), port: port ?? 0 };
}

function readFileLog(reader: FieldReader, name: string): LogProvider {
  const path = reader.string('path') ?? '/dev/stdout';
  const { text, labels } = readFormat(reader);
  reader.disregard('omitEmptyValues');
  reader.warnRest();
  return { kind: 'file-log', name, path, text, labels };
}

function readFormat(reader: FieldReader): Pick<Extract<LogProvider, { kind: 'file-log' }>, 'text' | 'labels'> {
  const format = reader.object('logFormat');
  const text = format?.string('text');
  const labels = format?.has('labels') === true ? format.stringMap('labels') : undefined;
  if (format !== undefined && text !== undefined) checkOperators(format, format.at('text'), text);
  for (const [name, label] of Object.entries(labels ?? {})) {
    if (format !== undefined) checkOperators(format, `${format.at('labels')}.${name}`, label);
  }
  format?.warnRest();
  return { text, labels };
}

function readOpenTelemetryLog(reader: FieldReader, name: string): LogProvider {
  const provider: LogProvider = {
    kind: 'opentelemetry-log',
    name,
    ...readService(reader),
    logName: reader.string('logName') ?? 'otel_envoy_accesslog',
    ...readFormat(reader),
  };
  reader.warnRest();
  return provider;
}

function readGrpcLog(kind: 'http-grpc-log' | 'tcp-grpc-log', reader: FieldReader, name: string): LogProvider {
  const provider: LogProvider = {
    kind,
    name,
    ...readService(reader),
    logName: reader.string('logName') ?? (kind === 'http-grpc-log' ? 'http_envoy_accesslog' : 'tcp_envoy_accesslog'),
    filterStates: reader.strings('filterStateObjectsToLog'),
    requestHeaders: reader.strings('additionalRequestHeadersToLog'),
    responseHeaders: reader.strings('additionalResponseHeadersToLog'),
    responseTrailers: reader.strings('additionalResponseTrailersToLog'),
  };
  reader.warnRest();
  return provider;
}

function readOpenTelemetry(reader: FieldReader, name: string): TracingProvider {
  const http = reader.object('http');
  const headers: Record<string, string> = {};
  for (const header of http?.objects('headers') ?? []) {
    const key = header.requiredString('name');
    const value = header.string('value');
    if (value !== undefined) headers[key] = value;
    header.warnRest();
  }
  const detectors = reader.object('resourceDetectors');
  const readsEnvironment = detectors?.has('environment') ?? false;
  detectors?.warnRest();
  const httpTimeoutMs = http === undefined ? undefined : readDuration(http, 'timeout', 1);
  const provider: TracingProvider = {
    kind: 'opentelemetry',
    name,
    ...readService(reader),
    maxTagLength: reader.integer('maxTagLength', 1, 2 ** 32 - 1),
    timeoutMs: httpTimeoutMs ?? 10_000,
    serviceName: reader.string('serviceName') ?? '',
    readsEnvironment,
    http: http === undefined ? undefined : { path: http.string('path') ?? '/v1/traces', headers },
  };
  http?.warnRest();
  reader.warnRest();
  return provider;
}

function readZipkin(reader: FieldReader, name: string): TracingProvider {
  const provider: TracingProvider = {
    kind: 'zipkin',
    name,
    ...readService(reader),
    maxTagLength: reader.integer('maxTagLength', 1, 2 ** 32 - 1),
    path: reader.string('path') ?? '/api/v2/spans',
    uses64BitIds: reader.boolean('enable64bitTraceId') ?? false,
  };
  reader.warnRest();
  return provider;
}
