// Which machines may register, and what the others are told.

import { expect, test } from 'vitest';
import { convertWorkloadGroup } from '../../../discovery/convert/workload-group.ts';
import { clusterId, networkId } from '../../../discovery/model/names.ts';
import { admitMachine } from '../../../server/machines/admit-machine.ts';
import { parseNode } from '../../../server/proxy/parse-node.ts';
import type { Peer } from '../../../server/stream/snapshot-source.ts';
import type { Value } from '../../../proto/generated/google.protobuf.ts';
import { objectOf, policyManifest } from '../../support/kube-objects.ts';
import { group } from './machine-scene.ts';

const ratings = convertWorkloadGroup(objectOf(policyManifest('WorkloadGroup', 'ratings', group))).value;

function admit(
  peer: Partial<Peer>,
  metadata: Readonly<Record<string, Value>>,
  type = 'sidecar',
): ReturnType<typeof admitMachine> {
  const fields = { NAMESPACE: { stringValue: 'sample' }, NETWORK: { stringValue: 'network-1' }, ...metadata };
  const node = { id: `${type}~192.0.2.7~vm-1.sample~sample.svc.cluster.local`, metadata: { fields } };
  const defaults = {
    variant: 'delta',
    defaultClusterId: clusterId('cluster-1'),
    defaultNetwork: networkId(''),
  } as const;
  const proxy = parseNode(node, defaults);
  if ('kind' in proxy) throw new Error(proxy.message);
  const opening = {
    node,
    peer: { address: '192.0.2.7:1', authenticated: true, ...peer },
    variant: 'delta',
    typeUrl: '',
  } as const;
  return admitMachine(opening, proxy, (namespace, name) =>
    namespace === 'sample' && name === 'ratings' ? ratings : undefined,
  );
}

const identity = 'spiffe://cluster.local/ns/sample/sa/ratings';
const ofRatings = { AUTO_REGISTER_GROUP: { stringValue: 'ratings' } };

test('a proxy that names no group is no machine', () => {
  expect(admit({ identity }, {})).toBeUndefined();
});

test('a machine with the identity of its group is admitted; it is probed when its ProxyConfig says so', () => {
  const PROXY_CONFIG = { stringValue: '{"readinessProbe":{"tcpSocket":{"port":1}}}' };
  expect(admit({ identity }, ofRatings)).toMatchObject({
    kind: 'admitted',
    machine: { namespace: 'sample', group: 'ratings', address: '192.0.2.7', network: 'network-1', isProbed: false },
  });
  expect(admit({ identity }, { ...ofRatings, PROXY_CONFIG })).toMatchObject({ machine: { isProbed: true } });
});

test.each([
  ['192.0.2.7:4711', '192.0.2.7'],
  ['::ffff:192.0.2.7:4711', '192.0.2.7'],
  ['[2001:db8::7]:4711', '2001:db8::7'],
  ['2001:db8::7:4711', '2001:db8::7'],
])('a machine whose stream comes from %s is connected from %s', (address, from) => {
  expect(admit({ identity, address }, ofRatings)).toMatchObject({ machine: { from } });
});

test('what a machine says of its own labels is not taken: it could make it whatever a selector is for', () => {
  const LABELS = { structValue: { fields: { istio: { stringValue: 'ingressgateway' } } } };
  expect(admit({ identity }, { ...ofRatings, LABELS })).toEqual(admit({ identity }, ofRatings));
});

test('a gateway does not register', () => {
  expect(admit({ identity }, ofRatings, 'router')).toMatchObject({ kind: 'refused', code: 'INVALID_ARGUMENT' });
});

test.each([
  ['on the plaintext port', { authenticated: false }, ofRatings, /needs an identity/],
  [
    'of another service account',
    { identity: identity.replace('sa/ratings', 'sa/other') },
    ofRatings,
    /takes machines of service account ratings; the identity of the machine is of other/,
  ],
  [
    'of an unknown group',
    { identity },
    { AUTO_REGISTER_GROUP: { stringValue: 'reviews' } },
    /There is no WorkloadGroup sample\/reviews/,
  ],
  [
    'of another namespace',
    { identity: identity.replace('ns/sample', 'ns/other') },
    ofRatings,
    /There is no WorkloadGroup/,
  ],
])('refused by a sentence: a machine %s', (_what, peer, metadata, sentence) => {
  expect(admit(peer, metadata)).toMatchObject({ kind: 'refused', message: expect.stringMatching(sentence) as string });
});
