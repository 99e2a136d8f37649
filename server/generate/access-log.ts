// Access logs of listeners, to the file that MeshConfig names: one line a request or connection, with who was asked and
// what TLS said at either end.

import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { AccessLog } from '../../proto/generated/envoy.config.accesslog.v3.ts';
import { FileAccessLog } from '../../proto/generated/envoy.extensions.access_loggers.file.v3.ts';
import { StderrAccessLog, StdoutAccessLog } from '../../proto/generated/envoy.extensions.access_loggers.stream.v3.ts';
import { packAny } from '../../proto/codec.ts';

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

/**
 * Empty when the mesh logs no access. Standard output and error are written to as such: opened as files they fail, and with
 * them the listener, where they are a socket.
 */
export function accessLogs({ accessLogFile }: MeshConfig): readonly AccessLog[] {
  const logFormat = { textFormatSource: { inlineString: line } };
  switch (accessLogFile) {
    case '':
      return [];
    case '/dev/stdout':
      return [{ name: 'envoy.access_loggers.stdout', typedConfig: packAny(StdoutAccessLog, { logFormat }) }];
    case '/dev/stderr':
      return [{ name: 'envoy.access_loggers.stderr', typedConfig: packAny(StderrAccessLog, { logFormat }) }];
    default: {
      const typedConfig = packAny(FileAccessLog, { path: accessLogFile, logFormat });
      return [{ name: 'envoy.access_loggers.file', typedConfig }];
    }
  }
}
