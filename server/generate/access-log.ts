// Access logs of listeners: to the providers that Telemetry names, else to the file that MeshConfig names. One line a request or
// connection, with who was asked and what TLS said at either end, unless the provider has a format of its own.

import type { LogProvider } from '../../discovery/model/extension-provider.ts';
import type { MeshConfig, SideTelemetry } from '../../discovery/model/mesh-config.ts';
import type { AccessLog } from '../../proto/generated/envoy.config.accesslog.v3.ts';
import { ApiVersion, type SubstitutionFormatString } from '../../proto/generated/envoy.config.core.v3.ts';
import { FileAccessLog } from '../../proto/generated/envoy.extensions.access_loggers.file.v3.ts';
import { ExpressionFilter } from '../../proto/generated/envoy.extensions.access_loggers.filters.cel.v3.ts';
import {
  HttpGrpcAccessLogConfig,
  TcpGrpcAccessLogConfig,
  type CommonGrpcAccessLogConfig,
} from '../../proto/generated/envoy.extensions.access_loggers.grpc.v3.ts';
import { OpenTelemetryAccessLogConfig } from '../../proto/generated/envoy.extensions.access_loggers.open_telemetry.v3.ts';
import { StderrAccessLog, StdoutAccessLog } from '../../proto/generated/envoy.extensions.access_loggers.stream.v3.ts';
import { packAny } from '../../proto/codec.ts';
import { outboundClusterName } from './names.ts';
import { struct } from './well-known-types.ts';

const line = [
  '[%START_TIME%]',
  '"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%"',
  '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS%',
  'failure="%UPSTREAM_TRANSPORT_FAILURE_REASON%"',
  'bytes=%BYTES_RECEIVED%/%BYTES_SENT% ms=%DURATION%',
  'authority="%REQ(:AUTHORITY)%" request-id="%REQ(X-REQUEST-ID)%"',
  'upstream=%UPSTREAM_HOST% cluster=%UPSTREAM_CLUSTER% upstream-tls=%UPSTREAM_TLS_VERSION% upstream-peer=%UPSTREAM_PEER_URI_SAN%',
  'downstream=%DOWNSTREAM_REMOTE_ADDRESS% local=%DOWNSTREAM_LOCAL_ADDRESS%',
  'sni=%REQUESTED_SERVER_NAME% tls=%DOWNSTREAM_TLS_VERSION% peer=%DOWNSTREAM_PEER_URI_SAN% route=%ROUTE_NAME%\n',
].join(' ');

/** Empty when nothing is logged. `reads` says whether requests are read or only connections seen. */
export function accessLogs(config: MeshConfig, reads: 'requests' | 'connections'): readonly AccessLog[] {
  const declared = config.telemetry?.accessLogs;
  if (declared === undefined) {
    return config.accessLogFile === '' ? [] : [fileLog(config.accessLogFile, standardFormat(config))];
  }
  return declared.flatMap((log) => declaredLog(log, config, reads));
}

type DeclaredLog = NonNullable<SideTelemetry['accessLogs']>[number];

function declaredLog(
  { provider: name, filter }: DeclaredLog,
  config: MeshConfig,
  reads: 'requests' | 'connections',
): readonly AccessLog[] {
  const provider = config.extensionProviders.find((candidate) => candidate.name === name);
  const log = provider === undefined ? builtIn(name, config) : providerLog(provider, reads);
  if (log === undefined) return [];
  if (filter === undefined) return [log];
  const typedConfig = packAny(ExpressionFilter, { expression: filter });
  return [{ ...log, filter: { extensionFilter: { name: 'envoy.access_loggers.extension_filters.cel', typedConfig } } }];
}

/** `envoy` is there without being declared, as in Istio: the standard output, or where MeshConfig says. */
function builtIn(name: string, config: MeshConfig): AccessLog | undefined {
  if (name !== 'envoy') return undefined;
  return fileLog(config.accessLogFile === '' ? '/dev/stdout' : config.accessLogFile, standardFormat(config));
}

/** As MeshConfig has it. */
function standardFormat({ accessLogFormat: format }: MeshConfig): SubstitutionFormatString {
  if (format === undefined) return textFormat(line);
  return format.kind === 'json' ? { jsonFormat: struct(format.labels) } : textFormat(withLineEnd(format.text));
}

function providerLog(provider: MeshConfig['extensionProviders'][number], reads: string): AccessLog | undefined {
  switch (provider.kind) {
    case 'file-log':
      return fileLog(provider.path, formatOf(provider));
    case 'http-grpc-log':
    case 'tcp-grpc-log': {
      // One reads requests, the other connections: Envoy takes each only where it fits.
      const isHttp = provider.kind === 'http-grpc-log';
      return isHttp === (reads === 'requests') ? grpcLog(provider) : undefined;
    }
    case 'opentelemetry-log':
      return openTelemetryLog(provider);
    default:
      return undefined;
  }
}

/** Who sends is said by the attributes that Envoy adds of itself. */
function openTelemetryLog(provider: Extract<LogProvider, { kind: 'opentelemetry-log' }>): AccessLog {
  const { service, port, logName, text, labels = {} } = provider;
  const attributes = Object.entries(labels).map(([key, stringValue]) => ({ key, value: { stringValue } }));
  const typedConfig = packAny(OpenTelemetryAccessLogConfig, {
    commonConfig: logService({ service, port, logName }),
    body: { stringValue: (text ?? line).trimEnd() },
    ...(attributes.length === 0 ? {} : { attributes: { values: attributes } }),
  });
  return { name: 'envoy.access_loggers.open_telemetry', typedConfig };
}

function formatOf({ text, labels }: Extract<LogProvider, { kind: 'file-log' }>): SubstitutionFormatString {
  if (labels !== undefined) return { jsonFormat: struct(labels) };
  return textFormat(text === undefined ? line : withLineEnd(text));
}

function withLineEnd(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

function textFormat(text: string): SubstitutionFormatString {
  return { textFormatSource: { inlineString: text } };
}

/**
 * Standard output and error are written to as such: opened as files they fail, and with them the listener, where they are a
 * socket.
 */
function fileLog(path: string, logFormat: SubstitutionFormatString): AccessLog {
  switch (path) {
    case '/dev/stdout':
      return { name: 'envoy.access_loggers.stdout', typedConfig: packAny(StdoutAccessLog, { logFormat }) };
    case '/dev/stderr':
      return { name: 'envoy.access_loggers.stderr', typedConfig: packAny(StderrAccessLog, { logFormat }) };
    default:
      return { name: 'envoy.access_loggers.file', typedConfig: packAny(FileAccessLog, { path, logFormat }) };
  }
}

function logService({
  service,
  port,
  logName,
}: Pick<
  Extract<LogProvider, { kind: 'opentelemetry-log' }>,
  'service' | 'port' | 'logName'
>): CommonGrpcAccessLogConfig {
  const clusterName = outboundClusterName({ host: service, port, subset: '' });
  return {
    logName,
    grpcService: { envoyGrpc: { clusterName, authority: service } },
    transportApiVersion: ApiVersion.V3,
  };
}

function grpcLog(provider: Extract<LogProvider, { kind: 'http-grpc-log' | 'tcp-grpc-log' }>): AccessLog {
  const { kind, filterStates } = provider;
  const commonConfig = { ...logService(provider), filterStateObjectsToLog: filterStates };
  if (kind === 'tcp-grpc-log') {
    return { name: 'envoy.access_loggers.tcp_grpc', typedConfig: packAny(TcpGrpcAccessLogConfig, { commonConfig }) };
  }
  const typedConfig = packAny(HttpGrpcAccessLogConfig, {
    commonConfig,
    additionalRequestHeadersToLog: provider.requestHeaders,
    additionalResponseHeadersToLog: provider.responseHeaders,
    additionalResponseTrailersToLog: provider.responseTrailers,
  });
  return { name: 'envoy.access_loggers.http_grpc', typedConfig };
}
