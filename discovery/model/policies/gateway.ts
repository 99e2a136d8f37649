// A Gateway, converted and checked: what a gateway workload listens for.

import type { PolicyBase } from './policy-base.ts';

export interface GatewayServer {
  readonly port: number;
  readonly name: string;
  readonly protocol: 'http' | 'https' | 'tls' | 'tcp' | 'http2' | 'grpc';
  /** As declared: `*.local`, `NAMESPACE/HOST` …; lower case. */
  readonly hosts: readonly string[];
  readonly tlsMode?: 'auto-passthrough' | 'passthrough' | 'simple' | 'mutual' | 'istio-mutual' | undefined;
}

export interface GatewayPolicy extends PolicyBase {
  readonly kind: 'Gateway';
  /** Labels of the gateway workloads that serve it. */
  readonly selector: Readonly<Record<string, string>>;
  readonly servers: readonly GatewayServer[];
}
