// Values as different users would set them, by what they are for.

import type { Values } from '../../support/helm.ts';

export const revision = 'canary';

const least: Values = { clusterId: 'cluster-1' };

const revised: Values = { clusterId: 'cluster-1', network: 'network1', revision };

const persistent: Values = {
  clusterId: 'cluster-1',
  state: { persistence: { enabled: true, storageClassName: 'fast' } },
  autoscaling: { enabled: true },
};

const bare: Values = {
  clusterId: 'cluster-1',
  state: { enabled: false },
  injection: { enabled: false },
  podDisruptionBudget: { enabled: false },
  topologySpread: { enabled: false },
  prometheus: { annotations: false },
  termination: { endpointSeconds: 0 },
};

const everything: Values = {
  clusterId: 'cluster-1',
  network: 'network1',
  trustDomain: 'mesh.example',
  mesh: {
    config: { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } },
    networks: {
      network2: { endpoints: [{ fromRegistry: 'cluster-2' }], gateways: [{ address: '192.0.2.1', port: 15443 }] },
    },
  },
  revisionTags: ['prod', 'stable'],
  injection: {
    everyNamespace: true,
    knownRevisions: ['default', 'prod', 'stable'],
    failurePolicy: 'Ignore',
    config: { policy: 'disabled' },
    values: {
      global: { hub: 'registry.example/istio' },
      isthmus: { dataPlane: 'isthmus', image: 'registry.example/isthmus-proxy:1' },
    },
  },
  remotes: [{ clusterId: 'cluster-2', secretName: 'cluster-2', key: 'config' }],
  gatewaySecrets: [{ namespace: 'istio-ingress', names: ['shop', 'shop-cacert'] }, { namespace: 'edge' }],
  insecureRemoteKubeconfig: ['files'],
  stalePolicy: 'degrade',
  insecureXds: true,
  workers: 2,
  image: { repository: 'registry.example/isthmus', digest: `sha256:${'a'.repeat(64)}`, pullPolicy: 'Always' },
  imagePullSecrets: [{ name: 'registry' }],
  autoscaling: { enabled: true, minReplicas: 3, maxReplicas: 9, targetConnectedProxies: 400 },
  podDisruptionBudget: { maxUnavailable: '25%' },
  topologySpread: { whenUnsatisfiable: 'DoNotSchedule' },
  nodeSelector: { role: 'control' },
  tolerations: [{ key: 'control', operator: 'Exists' }],
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/os', operator: 'In', values: ['linux'] }] }],
      },
    },
  },
  priorityClassName: 'system-cluster-critical',
  termination: { endpointSeconds: 7, drainSeconds: 60 },
  serviceAccount: { annotations: { owner: 'platform' } },
  service: { annotations: { owner: 'platform' } },
  networkPolicy: { enabled: true, httpFrom: [{ ipBlock: { cidr: '192.0.2.0/24' } }] },
  podAnnotations: { owner: 'platform' },
  podLabels: { team: 'platform' },
  extraArgs: ['--log-level=debug'],
  extraEnv: [{ name: 'NODE_OPTIONS', value: '--max-old-space-size=1024' }],
  extraVolumes: [{ name: 'more', emptyDir: {} }],
  extraVolumeMounts: [{ name: 'more', mountPath: '/more' }],
};

export const valueSets = [
  { title: 'the least', values: least },
  { title: 'a revision', values: revised },
  { title: 'volumes that last', values: persistent },
  { title: 'everything turned off', values: bare },
  { title: 'everything set', values: everything },
] as const;

export { everything, least, revised };
