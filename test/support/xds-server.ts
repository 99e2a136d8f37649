// A real xDS server on loopback over a MemorySnapshotSource, with everything that a test may want to look at.

import { GrpcPort } from '../../server/grpc/grpc-port.ts';
import type { RotatingServerTls } from '../../server/grpc/rotating-server-tls.ts';
import type { TransportLimits } from '../../server/grpc/transport-limits.ts';
import { ConnectionSet } from '../../server/stream/connection-set.ts';
import { SharedAnswers } from '../../server/stream/shared-answers.ts';
import { NameSetPool } from '../../server/stream/name-set.ts';
import { createPeerAuthenticator, type PeerAuthenticator } from '../../server/stream/peer-authenticator.ts';
import type { StreamContext } from '../../server/stream/stream-context.ts';
import { defaultStreamLimits, type StreamLimits } from '../../server/stream/stream-limits.ts';
import { CountingMetrics } from '../../server/stream/stream-metrics.ts';
import { xdsMethods } from '../../server/stream/xds-service.ts';
import { MemorySnapshotSource } from './memory-snapshot-source.ts';

export interface XdsServerOptions {
  readonly limits?: Partial<StreamLimits>;
  readonly authenticator?: PeerAuthenticator;
  readonly tls?: RotatingServerTls;
  readonly transport?: Partial<TransportLimits>;
}

export interface XdsServer {
  readonly address: string;
  readonly source: MemorySnapshotSource;
  readonly metrics: CountingMetrics;
  readonly connections: ConnectionSet;
  /** Warnings that were logged. */
  readonly warnings: readonly string[];
  readonly port: GrpcPort;
  stop(): Promise<void>;
}

export async function startXdsServer(options: XdsServerOptions = {}): Promise<XdsServer> {
  const source = new MemorySnapshotSource();
  const metrics = new CountingMetrics();
  const connections = new ConnectionSet();
  const warnings: string[] = [];
  const context: StreamContext = {
    source,
    connections,
    metrics,
    names: new NameSetPool(),
    answers: new SharedAnswers(),
    limits: { ...defaultStreamLimits, ...options.limits },
    log: { info: () => undefined, warn: (_fields, message) => void warnings.push(message) },
    now: Date.now,
  };
  const authenticator = options.authenticator ?? createPeerAuthenticator();
  const port = await GrpcPort.open({
    address: '127.0.0.1:0',
    tls: options.tls,
    methods: xdsMethods({ context, authenticator, tls: options.tls !== undefined }),
    onError: (error) => void warnings.push(String(error)),
    limits: options.transport,
  });
  return {
    address: `127.0.0.1:${port.port}`,
    source,
    metrics,
    connections,
    warnings,
    port,
    stop: async () => port.close(AbortSignal.abort()),
  };
}
