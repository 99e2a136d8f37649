// What a WorkloadGroup says of its machines, and what of a WorkloadGroup is refused.

import { expect, test } from 'vitest';
import { convertWorkloadEntry } from '../../../discovery/convert/workload-entry.ts';
import { convertWorkloadGroup } from '../../../discovery/convert/workload-group.ts';
import { objectOf, policyManifest, type Manifest } from '../../support/kube-objects.ts';

function read(spec: Manifest): ReturnType<typeof convertWorkloadGroup> {
  return convertWorkloadGroup(objectOf(policyManifest('WorkloadGroup', 'ratings', spec)));
}

test('labels of the metadata go over those of the template', () => {
  const { value, problems } = read({
    metadata: { labels: { app: 'ratings' }, annotations: { team: 'books' } },
    template: { labels: { app: 'other', class: 'vm' }, serviceAccount: 'ratings', ports: { http: 9080 } },
    probe: { httpGet: { path: '/health', port: 9080 } },
  });
  expect(problems).toEqual([]);
  expect(value).toMatchObject({
    apiVersion: 'networking.istio.io/v1',
    labels: { app: 'ratings', class: 'vm' },
    annotations: { team: 'books' },
    serviceAccount: 'ratings',
    hasProbe: true,
    template: { ports: { http: 9080 } },
  });
});

test.each([
  ['no template', {}, 'spec.template'],
  ['an address, which each machine has of its own', { template: { address: '192.0.2.1' } }, 'spec.template.address'],
  ['a port out of range', { template: { ports: { http: 70_000 } } }, 'spec.template.ports.http'],
  ['a field that does not exist', { template: { adress: '192.0.2.1' } }, 'spec.template.adress'],
  ['a probe of no kind', { template: {}, probe: { periodSeconds: 1 } }, 'spec.probe'],
  [
    'a probe of two kinds',
    { template: {}, probe: { tcpSocket: { port: 1 }, exec: { command: ['true'] } } },
    'spec.probe',
  ],
  ['a probe without a port', { template: {}, probe: { httpGet: { path: '/' } } }, 'spec.probe.httpGet.port'],
  [
    'a probe by another scheme',
    { template: {}, probe: { httpGet: { port: 1, scheme: 'ftp' } } },
    'spec.probe.httpGet.scheme',
  ],
  ['a command without words', { template: {}, probe: { exec: {} } }, 'spec.probe.exec.command'],
])('refused: %s', (_what, spec, field) => {
  const { value, problems } = read(spec);
  expect(value).toBeUndefined();
  expect(problems.map((problem) => problem.field)).toEqual([field]);
});

test.each([
  ['is probed and was not yet', 'true', undefined, 'unhealthy'],
  ['is probed and is well', 'true', 'True', 'healthy'],
  ['is probed and is not well', 'true', 'False', 'unhealthy'],
  ['is not probed', undefined, undefined, 'healthy'],
])('the endpoint of a machine that %s', (_what, probed, status, health) => {
  const annotations = probed === undefined ? {} : { 'proxy.istio.io/health-checks-enabled': probed };
  const manifest = policyManifest('WorkloadEntry', 'ratings-192.0.2.1', { address: '192.0.2.1' }, { annotations });
  const conditions = status === undefined ? [] : [{ type: 'Healthy', status }];
  expect(convertWorkloadEntry(objectOf({ ...manifest, status: { conditions } })).value?.health).toBe(health);
});
