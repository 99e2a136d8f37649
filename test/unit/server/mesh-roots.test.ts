// Agents that asked for the roots are told when there are others.

import { expect, test } from 'vitest';
import { decode } from '../../../proto/codec.ts';
import { ProxyConfig } from '../../../proto/generated/istio.mesh.v1alpha1.ts';
import { ResourceCache } from '../../../server/cache/resource-cache.ts';
import { resourcesOf } from '../../../server/cache/type-snapshot.ts';
import { clusterId, networkId } from '../../../discovery/model/names.ts';
import { MeshRoots } from '../../../server/mesh-roots.ts';
import { ProxySessions } from '../../../server/proxy-sessions.ts';
import { typeUrls } from '../../../server/stream/type-rules.ts';
import { makeAuthority } from '../../support/certificate-authority.ts';
import { mesh } from '../../support/mesh-model.ts';

test('each open stream is told of other roots, and is served those', async () => {
  const roots = new MeshRoots();
  const sessions = new ProxySessions({
    cache: new ResourceCache(mesh({})),
    defaultClusterId: clusterId('cluster-1'),
    defaultNetwork: networkId(''),
    trustDomains: ['cluster.local'],
    roots: () => roots.snapshot,
    now: () => 0,
    ready: () => true,
    onRejection: () => undefined,
  });
  const told: string[] = [];
  const opened = sessions.open(
    {
      node: { id: 'sidecar~10.1.0.3~sleep-1.sample~sample.svc.cluster.local' },
      peer: { address: '10.1.0.3:4000', authenticated: false },
      variant: 'delta',
      typeUrl: typeUrls.proxyConfig,
    },
    (types) => told.push(...types),
  );
  if (opened.kind === 'refused') throw new Error(opened.message);
  // Silence, as the protocol has it for what is not there yet.
  expect(opened.snapshot(typeUrls.proxyConfig)).toBeUndefined();

  for (const authority of [await makeAuthority(), await makeAuthority()]) {
    roots.replace(authority.material);
    sessions.rootsChanged();
    const [served] = resourcesOf(opened.snapshot(typeUrls.proxyConfig) ?? { parts: [] });
    const { caCertificatesPem = [] } = decode(ProxyConfig, served?.body ?? new Uint8Array());
    expect(caCertificatesPem.map((pem) => pem.trim())).toEqual([authority.root.certificatePem.trim()]);
  }
  expect(told).toEqual([typeUrls.proxyConfig, typeUrls.proxyConfig]);
  opened.close();
  sessions.rootsChanged();
  expect(told).toHaveLength(2);
});
