// What Envoy counts for the mesh is shown under the names of Istio's metrics, with what only the agent knows.

import { expect, test } from 'vitest';
import { istioMetrics } from '../../../agent/status/istio-metrics.ts';

const self = {
  workloadName: 'web-v1',
  namespace: 'shop',
  clusterId: 'east',
  labels: { app: 'web', version: 'v1', 'service.istio.io/canonical-name': 'the-web' },
  spiffeId: 'spiffe://td/ns/shop/sa/web',
};

const labelsOf = (line: string): Record<string, string> =>
  Object.fromEntries(
    [...line.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = '', value = '']) => [name, value]),
  );

test('lines that are not about it stay as they are', () => {
  const text = '# TYPE envoy_cluster_upstream_rq counter\nenvoy_cluster_upstream_rq{a="envoy_istio_"} 1\n';
  expect(istioMetrics(text, self)).toBe(text);
});

test('a name and its type lose what Envoy puts before them', () => {
  const text = '# TYPE envoy_istio_requests_total counter\nenvoy_istio_requests_total{reporter="source"} 2\n';
  expect(istioMetrics(text, self)).toMatch(
    /^# TYPE istio_requests_total counter\nistio_requests_total\{reporter="source",[^\n]*\} 2\n$/,
  );
});

test('a caller knows itself, and the other side from its endpoint', () => {
  const peer = 'cart-v2;orders;cart;v2;west';
  const given = 'reporter="source",destination_principal="spiffe://td/ns/orders/sa/cart"';
  const line = istioMetrics(`envoy_istio_requests_total{${given},isthmus_peer="${peer}"} 1`, self);
  expect(labelsOf(line)).toEqual({
    reporter: 'source',
    source_workload: 'web-v1',
    source_workload_namespace: 'shop',
    source_canonical_service: 'the-web',
    source_canonical_revision: 'v1',
    source_app: 'web',
    source_version: 'v1',
    source_cluster: 'east',
    source_principal: 'spiffe://td/ns/shop/sa/web',
    destination_workload: 'cart-v2',
    destination_workload_namespace: 'orders',
    destination_canonical_service: 'cart',
    destination_canonical_revision: 'v2',
    destination_app: 'cart',
    destination_version: 'v2',
    destination_cluster: 'west',
    destination_principal: 'spiffe://td/ns/orders/sa/cart',
    connection_security_policy: 'unknown',
  });
});

test('behind a gateway only the cluster is known', () => {
  const line = istioMetrics(
    'envoy_istio_requests_total{reporter="source",destination_principal="",isthmus_peer=";;;;west"} 1',
    self,
  );
  expect(labelsOf(line)).toMatchObject({ destination_cluster: 'west', destination_workload: 'unknown' });
  expect(labelsOf(line)).toMatchObject({ destination_canonical_revision: 'unknown' });
});

test('who is called knows of the caller what the certificate says', () => {
  const given = 'source_principal="spiffe://td/ns/orders/sa/cart",connection_security_policy="mutual_tls"';
  const line = istioMetrics(`envoy_istio_requests_total{reporter="destination",${given}} 1`, self);
  expect(labelsOf(line)).toMatchObject({
    source_workload: 'unknown',
    source_workload_namespace: 'orders',
    source_principal: 'spiffe://td/ns/orders/sa/cart',
    destination_workload: 'web-v1',
    destination_principal: 'spiffe://td/ns/shop/sa/web',
    connection_security_policy: 'mutual_tls',
  });
});

test('without a certificate nobody has a principal', () => {
  const line = istioMetrics('envoy_istio_requests_total{reporter="destination",source_principal=""} 1', self);
  expect(labelsOf(line)).toMatchObject({ source_principal: 'unknown', destination_principal: 'unknown' });
});

test('labels that were removed or set stay so, buckets and values too', () => {
  const given = 'reporter="source",source_app="mine, \\"}",isthmus_without="source_version,source_cluster",le="0.5"';
  const line = istioMetrics(`envoy_istio_request_bytes_bucket{${given}} 7`, self);
  expect(line).toMatch(/^istio_request_bytes_bucket\{.*\} 7$/);
  expect(labelsOf(line)).toMatchObject({ source_app: 'mine, \\"}', source_workload: 'web-v1', le: '0.5' });
  expect(line).not.toMatch(/source_version|source_cluster|isthmus/);
});

test('only gRPC has its own status', () => {
  const status = (given: string): string | undefined =>
    labelsOf(istioMetrics(`envoy_istio_requests_total{grpc_response_status="${given}"} 1`, self))[
      'grpc_response_status'
    ];
  expect([status(''), status('0')]).toEqual([undefined, '0']);
});
