import { expect, it } from 'vitest';
import { serverDnsNames } from '../../../ca/server-dns-names.ts';

it('a server certificate has the names that proxies of every revision look for, each once', () => {
  expect(serverDnsNames({ systemNamespace: 'istio-system' })).toEqual([
    'istiod.istio-system.svc',
    'istiod-remote.istio-system.svc',
    'istio-pilot.istio-system.svc',
  ]);
  const further = ['mesh.example.org', 'istiod.mesh.svc'];
  expect(serverDnsNames({ systemNamespace: 'mesh', revision: 'canary', further })).toEqual([
    'istiod.mesh.svc',
    'istiod-remote.mesh.svc',
    'istio-pilot.mesh.svc',
    'istiod-canary.mesh.svc',
    'mesh.example.org',
  ]);
  expect(serverDnsNames({ systemNamespace: 'mesh', revision: 'default' })).toHaveLength(3);
});
