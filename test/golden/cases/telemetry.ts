import { readMeshConfig } from '../../../discovery/convert/mesh-config.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { convertPolicy } from '../../../discovery/policy/convert-policy.ts';
import type { Policy } from '../../../discovery/model/policy.ts';
import { objectOf, type Manifest } from '../../support/kube-objects.ts';
import { endpoint, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

function telemetry(namespace: string, name: string, spec: Manifest): Policy {
  const manifest = { apiVersion: 'telemetry.istio.io/v1', kind: 'Telemetry', metadata: { name, namespace }, spec };
  const { value, problems } = convertPolicy(objectOf(manifest), { domain: 'cluster.local' }) ?? { problems: [] };
  if (value === undefined) throw new Error(JSON.stringify(problems));
  return value;
}

const collector = 'collector.default.svc.cluster.local';

const { value: config } = readMeshConfig(
  {
    defaultProviders: { accessLogging: ['envoy'], tracing: ['zipkin'] },
    extensionProviders: [
      { name: 'json', envoyFileAccessLog: { path: '/dev/stderr', logFormat: { labels: { code: '%RESPONSE_CODE%' } } } },
      { name: 'text', envoyFileAccessLog: { path: '/var/log/access', logFormat: { text: '%START_TIME%' } } },
      { name: 'http', envoyHttpAls: { service: collector, port: 4317, additionalRequestHeadersToLog: ['x-team'] } },
      { name: 'tcp', envoyTcpAls: { service: collector, port: 4317, logName: 'connections' } },
      {
        name: 'otel',
        opentelemetry: { service: collector, port: 4317, maxTagLength: 64, resourceDetectors: { environment: {} } },
      },
      {
        name: 'otel-log',
        envoyOtelAls: {
          service: collector,
          port: 4317,
          logFormat: { text: '%PROTOCOL%', labels: { status: '%RESPONSE_CODE%' } },
        },
      },
      {
        name: 'otel-http',
        opentelemetry: {
          service: collector,
          port: 4318,
          http: { path: '/v1/traces', timeout: '2s', headers: [{ name: 'x-token', value: 'one' }] },
        },
      },
      { name: 'zipkin', zipkin: { service: collector, port: 9411 } },
    ],
  },
  'mesh',
  defaultMeshConfig,
);

export const golden: GoldenCase = {
  shows:
    'Telemetry of the mesh, of a namespace and of a workload: inbound and outbound log to other providers, some through a filter, and trace with tags; MeshConfig has defaults.',
  proxy: sidecar(),
  mesh: mesh({
    config: config ?? {},
    services: [
      service('web', ['http:80', 'tcp-data:81'], { addresses: { 'cluster-1': ['10.96.0.40'] } }),
      service('collector', ['grpc:4317', 'http-traces:4318', 'http-zipkin:9411'], {
        addresses: { 'cluster-1': ['10.96.0.41'] },
      }),
    ],
    endpoints: {
      'web.default.svc.cluster.local': [endpoint('cluster-1/network1', '10.1.0.9', { http: 8080, 'tcp-data': 8081 })],
    },
    policies: [
      telemetry('istio-system', 'mesh', { tracing: [{ randomSamplingPercentage: 10 }] }),
      telemetry('default', 'namespace', {
        accessLogging: [
          { match: { mode: 'CLIENT' }, providers: [{ name: 'json' }], filter: { expression: 'response.code >= 400' } },
          {
            match: { mode: 'SERVER' },
            providers: [{ name: 'text' }, { name: 'http' }, { name: 'tcp' }, { name: 'otel-log' }],
          },
        ],
        tracing: [{ match: { mode: 'SERVER' }, providers: [{ name: 'otel' }] }],
      }),
      telemetry('default', 'workload', {
        selector: { matchLabels: { app: 'sleep' } },
        tracing: [
          { match: { mode: 'CLIENT' }, providers: [{ name: 'otel-http' }] },
          {
            customTags: {
              literal: { literal: { value: 'one' } },
              environment: { environment: { name: 'POD', defaultValue: 'none' } },
              header: { header: { name: 'x-team' } },
            },
          },
        ],
      }),
      telemetry('default', 'another', {
        selector: { matchLabels: { app: 'other' } },
        accessLogging: [{ disabled: true }],
      }),
    ],
  }),
};
