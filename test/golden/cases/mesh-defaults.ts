import { readMeshConfig } from '../../../discovery/convert/mesh-config.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { endpoint, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const { value: config } = readMeshConfig(
  {
    accessLogFile: '/dev/stdout',
    accessLogEncoding: 'JSON',
    accessLogFormat: '{"code": "%RESPONSE_CODE%", "path": "%REQ(:PATH)%"}',
    disableEnvoyListenerLog: true,
    tcpKeepalive: { probes: 3, time: '60s', interval: '5s' },
    h2UpgradePolicy: 'UPGRADE',
    defaultHttpRetryPolicy: { attempts: 5, retryOn: 'gateway-error,503', perTryTimeout: '2s' },
    dnsRefreshRate: '30s',
    meshMTLS: { minProtocolVersion: 'TLSV1_3' },
  },
  'mesh',
  defaultMeshConfig,
);

export const golden: GoldenCase = {
  shows:
    'What MeshConfig says of access logs, connections, retries, DNS and the mesh TLS holds where nothing else says otherwise.',
  proxy: sidecar(),
  mesh: mesh({
    config: config ?? {},
    services: [
      service('web', ['http:80', 'tcp-data:81'], { addresses: { 'cluster-1': ['10.96.0.40'] } }),
      service('outside', ['http:80'], { kind: 'external-name', externalName: 'api.example.com' }),
    ],
    endpoints: {
      'web.default.svc.cluster.local': [endpoint('cluster-1/network1', '10.1.0.9', { http: 8080, 'tcp-data': 8081 })],
    },
  }),
};
