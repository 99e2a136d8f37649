// The volumes of a proxy and where they are mounted. In: the context of a pod. Out: `volumes` of the pod and `volumeMounts` of the
// container: token, roots of the mesh, what Kubernetes says of the pod, working directories, and what annotations add.

import { parseJson } from './annotation-values.ts';
import { mappingAt, type Mapping } from './json-value.ts';
import { customBootstrapDirectory } from './proxy-environment.ts';
import type { SidecarContext } from './sidecar-context.ts';

export interface ProxyVolumes {
  readonly volumes: readonly Mapping[];
  readonly mounts: readonly Mapping[];
}

/** Twelve hours: Kubernetes renews it long before. */
const tokenSeconds = 43_200;
const rootConfigMap = 'istio-ca-root-cert';

export function proxyVolumes({ annotations }: SidecarContext): ProxyVolumes {
  const bootstrap = annotations['sidecar.istio.io/bootstrapOverride'];
  const all: readonly (readonly [string, string, Mapping])[] = [
    ['workload-socket', '/var/run/secrets/workload-spiffe-uds', { emptyDir: {} }],
    ['credential-socket', '/var/run/secrets/credential-uds', { emptyDir: {} }],
    ['workload-certs', '/var/run/secrets/workload-spiffe-credentials', { emptyDir: {} }],
    ['istiod-ca-cert', '/var/run/secrets/istio', { configMap: { name: rootConfigMap } }],
    ['istio-data', '/var/lib/istio/data', { emptyDir: {} }],
    ['istio-envoy', '/etc/istio/proxy', { emptyDir: { medium: 'Memory' } }],
    ['istio-token', '/var/run/secrets/tokens', { projected: { sources: [token] } }],
    ['istio-podinfo', '/etc/istio/pod', { downwardAPI: { items: podInfo } }],
    ...(bootstrap === undefined
      ? []
      : [['custom-bootstrap-volume', customBootstrapDirectory, { configMap: { name: bootstrap } }] as const]),
  ];
  return {
    volumes: [...all.map(([name, , source]) => ({ name, ...source })), ...byName(annotations, 'userVolume')],
    mounts: [...all.map(([name, mountPath]) => ({ name, mountPath })), ...byName(annotations, 'userVolumeMount')],
  };
}

const token = {
  serviceAccountToken: { audience: 'istio-ca', expirationSeconds: tokenSeconds, path: 'istio-token' },
};
const podInfo = ['labels', 'annotations'].map((path) => ({ path, fieldRef: { fieldPath: `metadata.${path}` } }));

/** `{"VOLUME": {…}}` of an annotation, which was checked. */
function byName(annotations: Readonly<Record<string, string>>, name: string): readonly Mapping[] {
  const text = annotations[`sidecar.istio.io/${name}`];
  if (text === undefined) return [];
  return Object.entries(mappingAt(parseJson(text))).map(([volume, fields]) => ({ ...mappingAt(fields), name: volume }));
}
