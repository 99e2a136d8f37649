// TLS that a DestinationRule begins, between a real Envoy and servers that check it: files, names, and what gateways are told.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gateway, httpMatch, httpRoute, sidecar, virtualService } from '../../support/mesh-model.ts';
import { makeOutsideAuthority } from '../../support/server-certificate.ts';
import { startBackend, type Backend } from './backend.ts';
import { balanceInEnvoy, meshIdentity, type BalancingEnvoy } from './balancing-envoy.ts';
import { directly, meshOf, remotely } from './destination-mesh.ts';

const stack = new AsyncDisposableStack();
let envoy: BalancingEnvoy;
let server: Backend;
let mutual: Backend;
let requested: Backend;
let east: Backend;

const name = 'api.example.com';

beforeAll(async () => {
  const authority = stack.use(await makeOutsideAuthority());
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-tls-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const file = async (base: string, text: string): Promise<string> => {
    await writeFile(join(directory, base), text);
    return join(directory, base);
  };
  const leaf = await authority.leaf(name);
  const own = await authority.leaf('client.example.com');
  const caCertificates = await file('ca.pem', authority.rootPem);
  const clientCertificate = await file('client.pem', own.certificatePem);
  const privateKey = await file('client.key', own.keyPem);
  const tls = { cert: leaf.certificatePem, key: leaf.keyPem };
  const checking = { ...tls, ca: authority.rootPem, requestCert: true, rejectUnauthorized: true };
  server = stack.use(await startBackend('server', tls));
  mutual = stack.use(await startBackend('mutual', checking));
  const asked = await authority.leaf('requested.default.svc.cluster.local');
  requested = stack.use(await startBackend('requested', { cert: asked.certificatePem, key: asked.keyPem }));
  const identity = await meshIdentity();
  const wrongRoot = await file('wrong.pem', identity.rootPem);
  east = stack.use(await startBackend('east', identity.serverTls));
  const to = (backend: Backend, settings: object) => ({
    endpoints: [directly(backend)],
    rule: { trafficPolicy: { tls: settings } },
  });
  const simple = { mode: 'SIMPLE', sni: name, caCertificates };
  const both = { clientCertificate, privateKey, caCertificates, sni: name };
  const cluster = { 'topology.istio.io/cluster': 'cluster-2' };
  const subsets = [
    { name: 'there', labels: cluster },
    { name: 'v1', labels: { version: 'v1' } },
  ];
  const host = (service: string): string => `${service}.default.svc.cluster.local`;
  const mesh = meshOf(
    {
      simple: to(server, simple),
      named: to(server, { ...simple, subjectAltNames: ['other.example.com', name] }),
      misnamed: to(server, { ...simple, subjectAltNames: ['other.example.com'] }),
      'wrong-root': to(server, { ...simple, caCertificates: wrongRoot }),
      requested: to(requested, { mode: 'SIMPLE', caCertificates }),
      'not-requested': to(server, { mode: 'SIMPLE', caCertificates }),
      careless: to(server, { mode: 'SIMPLE', insecureSkipVerify: true }),
      mutual: to(mutual, { mode: 'MUTUAL', ...both }),
      'without-own': to(mutual, simple),
      there: {
        endpoints: remotely('cluster-2/network2', 2, { ...cluster, version: 'v1' }),
        rule: { subsets, trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' } } },
      },
      strangers: {
        endpoints: remotely('cluster-2/network2', 2),
        rule: {
          trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL', subjectAltNames: ['spiffe://cluster.local/ns/x/sa/x'] } },
        },
      },
    },
    {
      gateways: [gateway('network2', 'cluster-2', '127.0.0.1', east.port)],
      policies: [
        virtualService(
          'there',
          [host('there')],
          [
            httpRoute([`${host('there')}/v1`], { matches: [httpMatch({ uri: { kind: 'exact', value: '/v1' } })] }),
            httpRoute([`${host('there')}/there`], {
              matches: [httpMatch({ uri: { kind: 'exact', value: '/there' } })],
            }),
            httpRoute([host('there')]),
          ],
        ),
      ],
    },
  );
  envoy = stack.use(await balanceInEnvoy({ proxy: sidecar(), mesh, identity }));
});

afterAll(() => stack.disposeAsync());

const refused = { status: 503, backend: undefined, flags: 'URX,UF' };

test('SIMPLE: a server under the roots of the file, asked for by its name', async () => {
  expect(await envoy.ask('simple')).toMatchObject({ status: 200, backend: 'server' });
  expect([...server.serverNames]).toContain(name);
  expect(await envoy.ask('wrong-root')).toMatchObject(refused);
});

test('SIMPLE: a certificate has to have one of the names', async () => {
  expect(await envoy.ask('named')).toMatchObject({ status: 200 });
  expect(await envoy.ask('misnamed')).toMatchObject(refused);
  expect(await envoy.stat('misnamed', 'ssl.fail_verify_san')).toBeGreaterThan(0);
});

test('SIMPLE without a name: the server has to be whom the request is for', async () => {
  expect(await envoy.ask('requested')).toMatchObject({ status: 200 });
  expect([...requested.serverNames]).toEqual(['requested.default.svc.cluster.local']);
  expect(await envoy.ask('not-requested')).toMatchObject(refused);
});

test('a server is not looked at when the rule says so', async () => {
  expect(await envoy.ask('careless')).toMatchObject({ status: 200 });
});

test('MUTUAL: the server sees the certificate of the file', async () => {
  expect(await envoy.ask('mutual')).toMatchObject({ status: 200, backend: 'mutual' });
  expect((await envoy.ask('without-own')).status).toBe(503);
});

test('a gateway is told the subset, but not one that is a Kubernetes cluster: its place is enough', async () => {
  for (const path of ['/', '/there']) expect((await envoy.ask('there', { path })).status).toBe(200);
  expect([...east.serverNames]).toEqual(['outbound_.80_._.there.default.svc.cluster.local']);
  expect((await envoy.ask('there', { path: '/v1' })).status).toBe(200);
  expect([...east.serverNames]).toContain('outbound_.80_.v1_.there.default.svc.cluster.local');
});

test('ISTIO_MUTUAL: only the identities that the rule names', async () => {
  expect(await envoy.ask('strangers')).toMatchObject(refused);
  expect(await envoy.stat('strangers', 'ssl.fail_verify_san')).toBeGreaterThan(0);
});
