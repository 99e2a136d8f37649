// `connectionPool` of a traffic policy. In: the field's mapping. Out: limits, time-outs and the protocol towards endpoints.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#ConnectionPoolSettings

import { readChoice } from '../convert/choice.ts';
import { readDuration } from '../convert/duration.ts';
import type { FieldReader } from '../convert/field-reader.ts';
import { readKeepalive } from '../convert/mesh-traffic.ts';
import type { ConnectionPool } from '../model/policy.ts';

const most = 2_147_483_647;

export function readConnectionPool(reader: FieldReader): ConnectionPool {
  const tcp = reader.object('tcp');
  const http = reader.object('http');
  reader.end();
  const pool: ConnectionPool = {
    ...(tcp === undefined ? {} : readTcp(tcp)),
    ...(http === undefined ? {} : readHttp(http)),
  };
  tcp?.end();
  http?.end();
  return pool;
}

function readTcp(reader: FieldReader): ConnectionPool {
  const keepalive = reader.object('tcpKeepalive');
  return present({
    // As in Istio nothing and 0 are no limit.
    maxConnections: limit(reader, 'maxConnections'),
    connectTimeoutMs: readDuration(reader, 'connectTimeout', 1),
    keepalive: keepalive === undefined ? undefined : readKeepalive(keepalive),
    maxConnectionDurationMs: readDuration(reader, 'maxConnectionDuration', 1),
    tcpIdleTimeoutMs: readDuration(reader, 'idleTimeout', 0),
  });
}

const upgrades = { DEFAULT: undefined, DO_NOT_UPGRADE: 'as-declared', UPGRADE: 'upgrade' } as const;

function readHttp(reader: FieldReader): ConnectionPool {
  reader.refuse('http2KeepAlive');
  const upgrade = readChoice<'upgrade' | 'as-declared' | undefined>(reader, 'h2UpgradePolicy', upgrades);
  const asClient = reader.boolean('useClientProtocol') === true;
  return present({
    maxPendingRequests: limit(reader, 'http1MaxPendingRequests'),
    maxRequests: limit(reader, 'http2MaxRequests'),
    maxRequestsPerConnection: limit(reader, 'maxRequestsPerConnection'),
    maxRetries: limit(reader, 'maxRetries'),
    httpIdleTimeoutMs: readDuration(reader, 'idleTimeout', 0),
    upstreamProtocol: asClient ? 'as-client' : upgrade,
    maxConcurrentStreams: limit(reader, 'maxConcurrentStreams'),
  } as const);
}

function limit(reader: FieldReader, name: string): number | undefined {
  const value = reader.integer(name, 0, most);
  return value === 0 ? undefined : value;
}

/** Without what is undefined, so that equal settings are equal values. */
function present<T extends object>(settings: T): Partial<T> {
  const kept: Partial<T> = { ...settings };
  for (const key in kept) if (kept[key] === undefined) delete kept[key];
  return kept;
}
