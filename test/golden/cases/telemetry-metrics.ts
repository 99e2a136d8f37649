import { readMeshConfig } from '../../../discovery/convert/mesh-config.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import type { Policy } from '../../../discovery/model/policy.ts';
import { convertPolicy } from '../../../discovery/policy/convert-policy.ts';
import { objectOf, type Manifest } from '../../support/kube-objects.ts';
import { endpoint, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

function telemetry(spec: Manifest): Policy {
  const metadata = { name: 'metrics', namespace: 'default' };
  const manifest = { apiVersion: 'telemetry.istio.io/v1', kind: 'Telemetry', metadata, spec };
  const { value, problems } = convertPolicy(objectOf(manifest), { domain: 'cluster.local' }) ?? { problems: [] };
  if (value === undefined) throw new Error(JSON.stringify(problems));
  return value;
}

const { value: config } = readMeshConfig(
  { accessLogFile: '/dev/stdout', defaultProviders: { metrics: ['prometheus'] } },
  'mesh',
  defaultMeshConfig,
);

const { capabilities } = sidecar();

export const golden: GoldenCase = {
  shows:
    "Istio's metrics of an Envoy that has the access logger for statistics: one metric is off, tags are set and removed; a connection's line is written once.",
  proxy: sidecar({ capabilities: { ...capabilities, statsLogger: 'scope' } }),
  mesh: mesh({
    config: config ?? {},
    services: [service('web', ['http:80', 'tcp-data:81'], { addresses: { 'cluster-1': ['10.96.0.40'] } })],
    endpoints: {
      'web.default.svc.cluster.local': [endpoint('cluster-1/network1', '10.1.0.9', { http: 8080, 'tcp-data': 8081 })],
    },
    policies: [
      telemetry({
        metrics: [
          {
            providers: [{ name: 'prometheus' }],
            reportingInterval: '5s',
            overrides: [
              { match: { metric: 'REQUEST_SIZE' }, disabled: true },
              {
                match: { metric: 'REQUEST_COUNT', mode: 'CLIENT' },
                tagOverrides: { method: { value: 'request.method' }, source_version: { operation: 'REMOVE' } },
              },
              {
                match: { metric: 'TCP_OPENED_CONNECTIONS', mode: 'SERVER' },
                tagOverrides: { port: { value: 'string(destination.port)' } },
              },
            ],
          },
        ],
      }),
    ],
  }),
};
