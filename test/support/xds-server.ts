// A real xDS server on loopback over a MemorySnapshotSource, with everything that a test may want to look at.

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
import type { WorkerPool } from '../../server/workers/worker-pool.ts';
import { openGrpcPort, type OpenPort } from '../../server/workers/worker-port.ts';
import { MemorySnapshotSource } from './memory-snapshot-source.ts';
import { testWorkers } from './worker-pool.ts';

export interface XdsServerOptions {
  readonly limits?: Partial<StreamLimits>;
  readonly authenticator?: PeerAuthenticator;
  readonly tls?: RotatingServerTls;
  readonly transport?: Partial<TransportLimits>;
  /** They serve the connections; absent: those of the test file, or the test's own process. */
  readonly workers?: WorkerPool | undefined;
}

export interface XdsServer {
  readonly address: string;
  readonly source: MemorySnapshotSource;
  readonly metrics: CountingMetrics;
  readonly connections: ConnectionSet;
  /** Warnings that were logged. */
  readonly warnings: readonly string[];
  readonly port: OpenPort;
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
  const port = await openGrpcPort(
    {
      address: '127.0.0.1:0',
      tls: options.tls,
      methods: xdsMethods({ context, authenticator, tls: options.tls !== undefined }),
      onError: (error) => void warnings.push(String(error)),
      limits: options.transport,
    },
    options.workers ?? testWorkers(),
  );
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
