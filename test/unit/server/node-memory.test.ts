// What a stream costs while it is open: an Envoy announces hundreds of extensions, which take half a megabyte once they are decoded.

import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { clusterId, networkId } from '../../../discovery/model/names.ts';
import { ResourceCache } from '../../../server/cache/resource-cache.ts';
import { ProxySessions } from '../../../server/proxy-sessions.ts';
import { mesh } from '../../support/mesh-model.ts';

test('the node of an open stream is not held', async () => {
  const sessions = new ProxySessions({
    cache: new ResourceCache(mesh({})),
    defaultClusterId: clusterId('cluster-1'),
    defaultNetwork: networkId('network1'),
    trustDomains: [],
    roots: () => undefined,
    now: () => 0,
    ready: () => true,
    onRejection: () => undefined,
  });
  const peer = { address: '10.0.0.1:1', authenticated: false } as const;
  const open = () => {
    const node = {
      id: 'sidecar~10.1.0.9~sleep.default~default.svc.cluster.local',
      extensions: [{ name: 'envoy.filters.http.lua', typeUrls: ['envoy.extensions.filters.http.lua.v3.Lua'] }],
    };
    const opening = { node, peer, variant: 'delta', typeUrl: '' } as const;
    return { opened: sessions.open(opening, () => undefined), node: new WeakRef(node) };
  };
  const { opened, node } = open();
  expect(opened.kind).toBe('opened');
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await setImmediate();
  collect();
  expect(node.deref()).toBeUndefined();
  expect(sessions.session(peer)?.attachment.proxy.extensions?.has('envoy.filters.http.lua')).toBe(true);
  if (opened.kind === 'opened') opened.close();
});
