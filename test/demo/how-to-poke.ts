// What `--keep` prints: commands that can be pasted into another terminal. In: the running scenario. Out: lines.

import { readFileSync } from 'node:fs';
import { mainFile } from './control-plane.ts';
import type { Scenario } from './scenario.ts';

export function howToPoke(scenario: Scenario): string {
  const { one, two } = scenario;
  const sleep = one.sleep.host.namespace;
  const plane = one.controlPlane.host.namespace;
  // The name only resolves with the pod's own /etc/resolv.conf, so it is given to curl with the service's address.
  const address = one.cluster.services.find(({ name }) => name === 'helloworld')?.clusterIp ?? '';
  const isthmus = `${process.execPath} ${mainFile}`;
  return [
    ...(inUserNamespace() ? [userNamespaceNote()] : []),
    '  # ask, from sleep in cluster-1',
    `  ${inside(sleep)} curl -s -H 'host: helloworld:5000' http://${address}:5000/hello`,
    '  # what mesh-1 knows of clusters, of proxies, and why it sends what to whom',
    `  ${inside(plane)} ${isthmus} clusters`,
    `  ${inside(plane)} ${isthmus} proxies`,
    `  ${inside(plane)} ${isthmus} endpoints helloworld.sample.svc.cluster.local`,
    `  ${inside(plane)} ${isthmus} why ${one.sleep.name}.sample helloworld.sample.svc.cluster.local:5000`,
    `  ${inside(plane)} curl -s http://127.0.0.1:8080/api/v1/proxies`,
    '  # the sidecar of sleep in cluster-1: what Envoy holds',
    `  ${inside(sleep)} curl -s http://127.0.0.1:15000/clusters`,
    `  ${inside(sleep)} curl -s http://127.0.0.1:15000/config_dump`,
    '  # change a rule or an endpoint and watch it arrive: edit, save, ask again',
    `  ${one.registry}/canary.yaml`,
    `  ${two.registry}/canary.yaml`,
    '  # what the programs say',
    `  tail -f ${scenario.logDirectory}/*.log`,
  ].join('\n');
}

const inside = (namespace: string): string => `ip netns exec ${namespace}`;

// Outside of user namespaces every id stands for itself.
function inUserNamespace(): boolean {
  return readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/)[2] !== '4294967295';
}

function userNamespaceNote(): string {
  return `  # first enter the namespace that this demo runs in: nsenter --preserve-credentials -U -m -n -t ${process.pid}`;
}
