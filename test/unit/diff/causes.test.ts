// What a resource changes because of, and what becomes of each object of a question.

import { expect, test } from 'vitest';
import type { DiffReport } from '../../../server/diff/diff-report.ts';
import { renderDiff } from '../../../server/diff/diff-text.ts';
import {
  namespaceManifest,
  podManifest,
  policyManifest,
  serviceManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { baseManifests, openDiffScene, type Edit } from './diff-scene.ts';

const telemetry: Manifest = {
  apiVersion: 'telemetry.istio.io/v1',
  kind: 'Telemetry',
  metadata: { name: 'logs', namespace: 'sample' },
  spec: { accessLogging: [{ providers: [{ name: 'envoy' }] }] },
};
const narrow = policyManifest('Sidecar', 'narrow', {
  workloadSelector: { labels: { app: 'web' } },
  egress: [{ hosts: ['./web.sample.svc.cluster.local'] }],
});
const denied = policyManifest('AuthorizationPolicy', 'denied', {
  selector: { matchLabels: { app: 'cart' } },
  action: 'DENY',
  rules: [{ to: [{ operation: { paths: ['/private'] } }] }],
});
const outside = policyManifest('ServiceEntry', 'outside', {
  hosts: ['api.example'],
  resolution: 'DNS',
  location: 'MESH_EXTERNAL',
  ports: [{ number: 443, name: 'tls', protocol: 'TLS' }],
});
const outsideRule = policyManifest('DestinationRule', 'outside', {
  host: 'api.example',
  trafficPolicy: { connectionPool: { tcp: { maxConnections: 7 } } },
});

const causesIn = (report: DiffReport): readonly string[] =>
  [...new Set(report.resources.flatMap(({ causes }) => causes))].toSorted();
const text = (report: DiffReport): string => renderDiff(report, { placeOf: () => undefined });

test.each([
  ['Telemetry/sample/logs', telemetry],
  ['Sidecar/sample/narrow', narrow],
  ['AuthorizationPolicy/sample/denied', denied],
] as const)('one object, %s, is what all changes come from, and no other is named', async (key, manifest) => {
  const report = await openDiffScene().ask([{ write: manifest }]);
  expect(report.resources.length).toBeGreaterThan(0);
  for (const { causes } of report.resources) expect(causes).toEqual([key]);
  expect(text(report)).toContain(`from ${key})`);
  expect(report.remarks).toEqual([]);
});

test('of several objects each resource names those that change it', async () => {
  const report = await openDiffScene().ask([
    { write: narrow },
    { write: denied },
    { write: serviceManifest('web', { clusterIP: '10.0.0.1' }) },
  ]);
  expect(causesIn(report)).toEqual(['AuthorizationPolicy/sample/denied', 'Sidecar/sample/narrow']);
  for (const { proxies, causes } of report.resources) {
    expect(causes).toEqual([
      proxies.includes('web-1.sample') ? 'Sidecar/sample/narrow' : 'AuthorizationPolicy/sample/denied',
    ]);
  }
});

test('what two objects make only together names both', async () => {
  const report = await openDiffScene().ask([{ write: outside }, { write: outsideRule }]);
  const cluster = report.resources.find(({ name }) => name === 'outbound|443||api.example');
  expect(cluster?.causes).toEqual(['DestinationRule/sample/outside', 'ServiceEntry/sample/outside']);
});

test('of more objects than are looked at one by one it is said that it may be any', async () => {
  const edits = Array.from({ length: 11 }, (_, index): Edit => ({ write: serviceManifest(`more-${index}`) }));
  const report = await openDiffScene().ask(edits);
  expect(report.resources.length).toBeGreaterThan(0);
  expect(causesIn(report)).toEqual([]);
  expect(text(report)).not.toContain(', from ');
  expect(text(report)).toContain('it may be any of the edited ones');
});

test('every object of a question is told with what becomes of it', async () => {
  const plain = (apiVersion: string, kind: string, name: string): Manifest => ({
    apiVersion,
    kind,
    metadata: { name, namespace: 'sample' },
  });
  const scene = openDiffScene([...baseManifests, telemetry]);
  const report = await scene.ask([
    { write: narrow },
    { write: serviceManifest('cart', { clusterIP: '10.0.0.2', ports: [{ name: 'http', port: 81 }] }) },
    { write: telemetry },
    { write: podManifest('web-1', '10.1.0.1', 'web') },
    { write: namespaceManifest('sample') },
    { write: plain('v1', 'ServiceAccount', 'web') },
    { write: plain('apps/v1', 'Deployment', 'web') },
    { write: plain('rbac.authorization.k8s.io/v1', 'ClusterRole', 'reader') },
    { write: policyManifest('VirtualService', 'wrong', { hosts: ['cart'], http: [{ timeout: 'soon' }] }) },
    { delete: serviceManifest('ingress') },
    { delete: serviceManifest('ghost') },
    { delete: plain('v1', 'ServiceAccount', 'old') },
  ]);
  const lines = text(report).split('\n');
  const start = lines.indexOf('objects');
  expect(lines.slice(start + 1, lines.indexOf('', start))).toEqual([
    '  VirtualService/sample/wrong: REFUSED, so that it is not obeyed',
    '  Sidecar/sample/narrow: new',
    '  Service/sample/cart: changed',
    '  Service/sample/ingress: deleted',
    '  Service/sample/ghost: not there, so nothing is deleted',
    '  Telemetry/sample/logs: unchanged',
    '  Pod/sample/web-1: unchanged',
    '  Namespace/sample: not looked at',
    '  ServiceAccount/sample/web: not looked at',
    '  Deployment/sample/web: not looked at',
    '  ClusterRole/reader: not looked at',
    '  ServiceAccount/sample/old: not looked at',
  ]);
});

test('a Namespace whose labels say something else is changed', async () => {
  const injected = {
    ...namespaceManifest('sample'),
    metadata: { name: 'sample', labels: { 'istio-injection': 'enabled' } },
  };
  const report = await openDiffScene().ask([{ write: injected }]);
  expect(report.objects).toMatchObject([{ object: 'Namespace//sample', change: 'changed' }]);
});

test('what a Telemetry does to many listeners and chains is a text that can be read', async () => {
  const report = await openDiffScene().ask([{ write: telemetry }]);
  const shown = text(report);
  expect(shown).toMatch(/→ .* \(and in \d+ more places?\)$/m);
  expect(shown).toMatch(/^ {4}the same as in \S+ above$/m);
  for (const line of shown.split('\n')) expect(line.length).toBeLessThan(600);
});
