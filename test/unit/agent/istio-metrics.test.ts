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

const side = (name: string): string =>
  [
    'workload',
    'workload_namespace',
    'canonical_service',
    'canonical_revision',
    'app',
    'version',
    'cluster',
    'principal',
  ]
    .map((label) => `${name}_${label}="unknown"`)
    .join(',');

test('lines that are not about it stay as they are', () => {
  const text = '# TYPE envoy_cluster_upstream_rq counter\nenvoy_cluster_upstream_rq{a="envoy_istio_"} 1\n';
  expect(istioMetrics(text, self)).toBe(text);
});

test('a name and its type lose what Envoy puts before them', () => {
  const text = '# TYPE envoy_istio_requests_total counter\nenvoy_istio_requests_total{reporter="source"} 2\n';
  expect(istioMetrics(text, self)).toBe(
    '# TYPE istio_requests_total counter\nistio_requests_total{reporter="source"} 2\n',
  );
});

test('a caller knows itself, and the other side from its endpoint', () => {
  const peer = 'cart-v2;orders;cart;v2;west';
  const principal = 'destination_principal="spiffe://td/ns/orders/sa/cart"';
  const given = `reporter="source",${side('source')},${side('destination').replace('destination_principal="unknown"', principal)}`;
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
  });
});

test('behind a gateway only the cluster is known', () => {
  const line = istioMetrics(
    `envoy_istio_requests_total{reporter="source",${side('destination')},isthmus_peer=";;;;west"} 1`,
    self,
  );
  expect(labelsOf(line)).toMatchObject({ destination_cluster: 'west', destination_workload: 'unknown' });
  expect(labelsOf(line)).toMatchObject({ destination_canonical_revision: 'unknown' });
});

test('who is called knows of the caller what the certificate says', () => {
  const principal = 'source_principal="spiffe://td/ns/orders/sa/cart"';
  const given = `${side('source').replace('source_principal="unknown"', principal)},${side('destination')}`;
  const line = istioMetrics(`envoy_istio_requests_total{reporter="destination",${given}} 1`, self);
  expect(labelsOf(line)).toMatchObject({
    source_workload: 'unknown',
    source_workload_namespace: 'orders',
    source_principal: 'spiffe://td/ns/orders/sa/cart',
    destination_workload: 'web-v1',
    destination_principal: 'spiffe://td/ns/shop/sa/web',
  });
});

test('without a certificate nobody has a principal', () => {
  const given = `${side('source').replace('source_principal="unknown"', 'source_principal=""')},${side('destination')}`;
  const line = istioMetrics(`envoy_istio_requests_total{reporter="destination",${given}} 1`, self);
  expect(labelsOf(line)).toMatchObject({ source_principal: 'unknown', destination_principal: 'unknown' });
});

test('labels that were removed or set stay so, buckets and values too', () => {
  const line = 'envoy_istio_request_bytes_bucket{reporter="source",source_app="mine, \\"}",le="0.5"} 7';
  expect(istioMetrics(line, self)).toBe(
    'istio_request_bytes_bucket{reporter="source",source_app="mine, \\"}",le="0.5"} 7',
  );
});
