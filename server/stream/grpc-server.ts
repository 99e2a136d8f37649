// One port of the server, plaintext or TLS: limits of the transport, binding, and leaving without a jolt.

import grpc from '@grpc/grpc-js';

export interface GrpcPortOptions {
  /** `HOST:PORT`; port 0 takes a free one. */
  readonly address: string;
  /** Absent: plaintext. */
  readonly credentials?: grpc.ServerCredentials | undefined;
  /** Adds the services. */
  readonly register: (server: grpc.Server) => void;
  /** Streams of this age are ended, so that clients spread over new servers. Off by default. */
  readonly maxConnectionAgeMs?: number | undefined;
}

/** Requests that are larger than this end their stream with RESOURCE_EXHAUSTED. */
export const maxRequestBytes = 4 * 1024 * 1024;

/** Of one client connection: an agent needs a handful. */
const maxStreamsPerConnection = 1000;

/** Memory of one HTTP/2 session in MiB, beyond which it opens no more streams. */
const maxSessionMemoryMib = 64;

/** A peer that does not answer a ping is gone: a cut link shows within 40 seconds. */
const keepalive = { timeMs: 30_000, timeoutMs: 10_000 };

export class GrpcPort {
  readonly #server: grpc.Server;
  /** The port that was bound. */
  readonly port: number;

  private constructor(server: grpc.Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** Rejects when the address can't be bound. */
  static async open(options: GrpcPortOptions): Promise<GrpcPort> {
    const server = new grpc.Server(transportOptions(options));
    options.register(server);
    const credentials = options.credentials ?? grpc.ServerCredentials.createInsecure();
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    server.bindAsync(options.address, credentials, (error, port) => (error === null ? resolve(port) : reject(error)));
    return new GrpcPort(server, await promise);
  }

  /**
   * Accepts nothing new, tells clients to go elsewhere with what they open next, and waits for the streams to end. When
   * the signal aborts, those that are left are cut.
   */
  async close(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const force = (): void => {
      this.#server.forceShutdown();
      resolve();
    };
    this.#server.tryShutdown(() => resolve());
    if (signal.aborted) force();
    signal.addEventListener('abort', force, { once: true });
    await promise;
    signal.removeEventListener('abort', force);
  }
}

function transportOptions(options: GrpcPortOptions): grpc.ServerOptions {
  return {
    'grpc.max_receive_message_length': maxRequestBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': maxStreamsPerConnection,
    'grpc-node.max_session_memory': maxSessionMemoryMib,
    'grpc.keepalive_time_ms': keepalive.timeMs,
    'grpc.keepalive_timeout_ms': keepalive.timeoutMs,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.enable_channelz': 0,
    ...(options.maxConnectionAgeMs === undefined ? {} : { 'grpc.max_connection_age_ms': options.maxConnectionAgeMs }),
  };
}
