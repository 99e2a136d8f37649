import { declaredRule } from '../../support/declared-rule.ts';
import { endpoint, mesh, service, sidecar } from '../../support/mesh-model.ts';
import type { GoldenCase } from '../golden.ts';

const caCertificates = '/etc/outside/ca.pem';
const own = { clientCertificate: '/etc/outside/client.pem', privateKey: '/etc/outside/client.key' };

const modes: Readonly<Record<string, object>> = {
  off: { mode: 'DISABLE' },
  simple: { mode: 'SIMPLE', sni: 'api.example.com', caCertificates },
  'simple-named': { mode: 'SIMPLE', subjectAltNames: ['api.example.com', '192.0.2.1', 'spiffe://outside/api'] },
  'simple-careless': { mode: 'SIMPLE', insecureSkipVerify: true },
  mutual: { mode: 'MUTUAL', ...own, caCertificates },
  mesh: { mode: 'ISTIO_MUTUAL', sni: 'api.mesh', subjectAltNames: ['spiffe://cluster.local/ns/default/sa/api'] },
};

export const golden: GoldenCase = {
  shows: 'TLS that a rule begins: with files, with the roots of the machine, for a name of its own or that of the request.',
  proxy: sidecar(),
  mesh: mesh({
    services: Object.keys(modes).map((name) => service(name, ['http:80'], { addresses: { 'cluster-1': [] } })),
    endpoints: Object.fromEntries(
      Object.keys(modes).map((name, index) => [
        `${name}.default.svc.cluster.local`,
        [endpoint('cluster-1/network1', `10.1.0.${String(index + 1)}`, { http: 8080 })],
      ]),
    ),
    policies: Object.entries(modes).map(([name, tls]) => declaredRule(name, { host: name, trafficPolicy: { tls } })),
  }),
};
