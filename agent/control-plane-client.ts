// A connection to the control plane for a stream of the agent's own. In: where it is, whom to trust, who the agent is. Out: a client that
// its owner closes; throws when key or roots can't be used.

import grpc from '@grpc/grpc-js';
import type { Clock } from '../ca/clock.ts';
import type { Node } from '../proto/generated/envoy.config.core.v3.ts';
import type { Log } from './log.ts';

export type OwnStreamOptions = {
  /** `host:port` */
  readonly address: string;
  /** The name that has to be in the server's certificate. */
  readonly serverName: string;
  readonly rootsPem: () => string;
  /** Asked for at every connection; undefined while there is none. */
  readonly certificate: () => { readonly keyPem: string; readonly chainPem: string } | undefined;
  readonly clusterId: string;
  readonly node: Node;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly log: Log;
};

/** A table of 10,000 services is about 1.5 MB. */
const maxResponseBytes = 64 * 1024 * 1024;

export function controlPlaneClient({ address, serverName, rootsPem, certificate }: OwnStreamOptions): grpc.Client {
  const own = certificate();
  const pair = own === undefined ? [] : [Buffer.from(own.keyPem), Buffer.from(own.chainPem)];
  return new grpc.Client(address, grpc.credentials.createSsl(Buffer.from(rootsPem()), ...pair), {
    'grpc.ssl_target_name_override': serverName,
    'grpc.default_authority': serverName,
    'grpc.enable_http_proxy': 0,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.max_receive_message_length': maxResponseBytes,
    // A network that swallows packets looks like a quiet control plane.
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
  });
}
