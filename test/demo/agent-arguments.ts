// The command line of `isthmus agent` for a pod, as an injector would write it. In: the pod and where it is. Out: arguments.

import { controlPlaneHost } from './control-plane.ts';
import type { ExamplePod } from './example.ts';

export type AgentPlace = {
  readonly pod: ExamplePod;
  readonly kind: 'sidecar' | 'gateway';
  readonly clusterId: string;
  readonly network: string;
  readonly envoy: string;
  /** The pod's own directory, with `token` and `root-cert.pem`. */
  readonly directory: string;
  /** Life of certificates to ask for, `24h`. */
  readonly certificateTtl: string;
  /** How Envoy asks for its configuration. */
  readonly ads: 'delta' | 'sotw';
};

export function agentArguments(place: AgentPlace): readonly string[] {
  const { pod, kind, clusterId, network, envoy, directory, certificateTtl, ads } = place;
  const labels = Object.entries(pod.labels).map(([key, value]) => `${key}=${value}`);
  return Object.entries({
    '--discovery-address': `${controlPlaneHost}:15012`,
    '--root-cert': `${directory}/root-cert.pem`,
    '--token': `${directory}/token`,
    '--certificate-ttl': certificateTtl,
    '--cluster-id': clusterId,
    '--network': network,
    '--namespace': pod.namespace,
    '--service-account': pod.serviceAccount,
    '--pod-name': pod.name,
    '--pod-ip': pod.address,
    '--label': labels.join(','),
    '--work-dir': directory,
    '--envoy': envoy,
    '--drain': '1s',
    '--status-port': '15020',
    '--ads': ads,
    '--dns': kind === 'sidecar' ? 'on' : 'off',
    // A gateway has no application beside it, and shows other networks only what is in its own.
    ...(kind === 'gateway'
      ? { '--proxy-type': 'router', '--interception-mode': 'NONE', '--requested-network-view': network }
      : {}),
  }).flat();
}
