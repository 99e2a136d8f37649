// What stands in front of a gateway: how far it may believe what requests say of their clients.
// https://istio.io/latest/docs/ops/configuration/traffic-management/network-topologies/

/** What becomes of `x-forwarded-client-cert`, as Envoy has it. */
export type ForwardClientCertificate =
  'sanitize' | 'forward-only' | 'append-forward' | 'sanitize-set' | 'always-forward-only';

export interface GatewayTopology {
  /** Proxies in front whose entries in `x-forwarded-for` are true; absent: none. */
  readonly trustedProxies?: number | undefined;
  /** Absent: nothing of it is believed, and clients that show a certificate here are named. */
  readonly clientCertificate?: ForwardClientCertificate | undefined;
}
