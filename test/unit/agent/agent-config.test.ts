// The agent's options: what follows from few of them, and what is said about wrong ones.

import { expect, test } from 'vitest';
import { agentConfig } from '../../../agent/agent-config.ts';
import type { AgentOptions } from '../../../agent/agent-config.ts';

const options: AgentOptions = {
  discoveryAddress: '10.0.0.1:15012',
  rootCert: '/root.pem',
  certificateTtl: '24h',
  trustDomain: 'cluster.local',
  proxyType: 'sidecar',
  clusterId: 'cluster-1',
  network: '',
  meshId: 'cluster.local',
  namespace: 'sample',
  serviceAccount: 'sleep',
  podIp: '10.1.0.5',
  podName: 'sleep-1',
  label: [],
  requestedNetworkView: '',
  interceptionMode: 'REDIRECT',
  ads: 'delta',
  adminPort: '15000',
  healthPort: '15021',
  prometheusPort: '15090',
  dnsPort: '15053',
  dnsUpstream: [],
  resolvConf: '/etc/resolv.conf',
  concurrency: '2',
  envoyLogLevel: 'warning',
  drain: '5s',
};
const asRoot = { uid: 0, envoyPath: undefined, version: '1' };

test('few options are enough: the rest follows from them', () => {
  expect(agentConfig({ ...options, label: ['app=sleep', 'a='] }, asRoot)).toMatchObject({
    controlPlane: { host: '10.0.0.1', port: 15_012, serverName: 'istiod.istio-system.svc' },
    authority: { host: '10.0.0.1', port: 15_012 },
    spiffeId: 'spiffe://cluster.local/ns/sample/sa/sleep',
    certificateTtlMs: 86_400_000,
    drainMs: 5000,
    owner: { uid: 1337, gid: 1337 },
    envoy: { program: 'envoy' },
    node: { dnsDomain: 'sample.svc.cluster.local', workloadName: 'sleep-1', labels: { app: 'sleep', a: '' } },
  });
});

test('a control plane that is named is recognised by that name; IPv6 goes in brackets', () => {
  expect(agentConfig({ ...options, discoveryAddress: 'mesh-1.local:15012' }, asRoot).controlPlane.serverName).toBe(
    'mesh-1.local',
  );
  expect(agentConfig({ ...options, discoveryAddress: '[fd00::1]:15012' }, asRoot).controlPlane.host).toBe('fd00::1');
});

test('Envoy is the one that was named, else $ENVOY_PATH, and runs as this user where this is not root', () => {
  const asUser = { uid: 1000, envoyPath: '/opt/envoy', version: '1' };
  expect(agentConfig(options, asUser)).toMatchObject({ envoy: { program: '/opt/envoy' }, owner: undefined });
  expect(agentConfig({ ...options, envoy: '/my/envoy' }, asUser).envoy?.program).toBe('/my/envoy');
  expect(agentConfig({ ...options, envoy: false }, asUser).envoy).toBeUndefined();
});

test('DNS is answered when interception sends it here, unless an option says otherwise', () => {
  const captured = { ...asRoot, dnsCapture: 'true' };
  expect(agentConfig(options, asRoot).dns).toBeUndefined();
  expect(agentConfig(options, captured)).toMatchObject({
    dns: { port: 15_053, upstream: undefined, resolverFile: '/etc/resolv.conf' },
    node: { dnsCapture: true },
  });
  expect(agentConfig({ ...options, dns: 'off' }, captured).dns).toBeUndefined();
  expect(
    agentConfig({ ...options, dns: 'on', dnsUpstream: ['10.96.0.10:53', '[fd00::a]:53'] }, asRoot).dns,
  ).toMatchObject({
    upstream: [
      { address: '10.96.0.10', port: 53 },
      { address: 'fd00::a', port: 53 },
    ],
  });
});

test.each<[Partial<AgentOptions>, string]>([
  [{ discoveryAddress: '10.0.0.1' }, '--discovery-address: "10.0.0.1" is not HOST:PORT'],
  [{ caAddress: 'ca:99999' }, '--ca-address: "99999" is not a number from 1 to 65535'],
  [{ podIp: 'ten' }, '--pod-ip: "ten" is not an IP address'],
  [{ namespace: 'Sample' }, '"Sample" is not a namespace'],
  [{ proxyType: 'waypoint' }, '--proxy-type: "waypoint" is none of sidecar, router'],
  [{ label: ['app'] }, '--label: "app" is not KEY=VALUE'],
  [{ podPorts: '{}' }, '--pod-ports: "{}" is not a JSON list'],
  [{ drain: '5' }, '--drain: "5" is not a duration'],
  [{ locality: 'a/b/c/d' }, '"a/b/c/d" is not a locality'],
  [{ dns: 'maybe' }, '--dns: "maybe" is none of on, off'],
  [{ dns: 'on', dnsPort: '70000' }, '--dns-port: "70000" is not a number'],
  [{ dns: 'on', dnsUpstream: ['dns.example:53'] }, '--dns-upstream: "dns.example:53" is not ADDRESS:PORT'],
  [{ ads: 'grpc' }, '--ads: "grpc" is none of delta, sotw'],
])('%o is refused with the option at fault', (wrong, message) => {
  expect(() => agentConfig({ ...options, ...wrong }, asRoot)).toThrow(message);
});

test('only root can start Envoy as another user', () => {
  const asUser = { uid: 1000, envoyPath: undefined, version: '1' };
  expect(() => agentConfig({ ...options, proxyUid: '1337' }, asUser)).toThrow('only root');
});

test('for TPROXY Envoy stays root, in the group that redirection leaves alone, unless a user is named', () => {
  const transparent = { ...options, interceptionMode: 'TPROXY' };
  expect(agentConfig(transparent, asRoot).owner).toEqual({ uid: 0, gid: 1337 });
  expect(agentConfig({ ...transparent, proxyUid: '1337' }, asRoot).owner).toEqual({ uid: 1337, gid: 1337 });
  expect(agentConfig(transparent, asRoot).node.interceptionMode).toBe('TPROXY');
});

test('the status port is there where the application has probes for it, or where it was asked for', () => {
  const withProbes = { ...asRoot, appProbers: '{"/app-health/web/readyz": {"tcpSocket": {"port": 80}}}' };
  expect(agentConfig(options, asRoot).status).toBeUndefined();
  expect(agentConfig(options, withProbes).status).toMatchObject({ port: 15_020 });
  expect(agentConfig({ ...options, statusPort: '0' }, withProbes).status).toBeUndefined();
  expect(agentConfig({ ...options, statusPort: '16000' }, asRoot).status).toMatchObject({ port: 16_000 });
});

test('the networks that a gateway shows are those of the option, else those that its manifest names for any agent', () => {
  const { requestedNetworkView: _, ...others } = options;
  const viewOf = (given: AgentOptions): readonly string[] =>
    agentConfig(given, { ...asRoot, networkView: 'network1' }).node.requestedNetworkView;
  expect(viewOf(others)).toEqual(['network1']);
  expect(viewOf({ ...others, requestedNetworkView: 'network2,network3' })).toEqual(['network2', 'network3']);
});

test('a gateway announces who stands in front of it', () => {
  const proxyConfigOf = (gatewayTopology: string) =>
    agentConfig({ ...options, gatewayTopology }, asRoot).node.proxyConfig;
  expect(proxyConfigOf('{"numTrustedProxies":2}')).toMatchObject({ gatewayTopology: { numTrustedProxies: 2 } });
  expect(proxyConfigOf('')).not.toHaveProperty('gatewayTopology');
  expect(() => proxyConfigOf('two')).toThrow('--gateway-topology');
});
