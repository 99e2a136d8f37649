// Which fields of a pod this node carries out. In: a pod. Out: the paths of fields that it knows nothing of; such a pod is not
// started, so that no test passes because something was left out.

import type { V1Pod } from '@kubernetes/client-node';

type Shape = { readonly [field: string]: Shape | true };

/** Carried out, or without meaning on the only node (`true` takes whatever stands there). */
const anything = true;

const port: Shape = { containerPort: true, name: true, protocol: true };
const httpGet: Shape = { path: true, port: true, scheme: true, host: true, httpHeaders: true };
const exec: Shape = { command: true };
const probe: Shape = {
  exec,
  httpGet,
  tcpSocket: { port: true, host: true },
  grpc: { port: true, service: true },
  initialDelaySeconds: true,
  periodSeconds: true,
  timeoutSeconds: true,
  successThreshold: true,
  failureThreshold: true,
  terminationGracePeriodSeconds: true,
};
const hook: Shape = { exec, httpGet, sleep: { seconds: true } };

const container: Shape = {
  name: true,
  image: true,
  imagePullPolicy: anything,
  command: true,
  args: true,
  workingDir: true,
  ports: port,
  env: {
    name: true,
    value: true,
    valueFrom: {
      fieldRef: { fieldPath: true, apiVersion: true },
      resourceFieldRef: { containerName: true, resource: true, divisor: true },
      configMapKeyRef: { name: true, key: true, optional: true },
      secretKeyRef: { name: true, key: true, optional: true },
    },
  },
  envFrom: {
    prefix: true,
    configMapRef: { name: true, optional: true },
    secretRef: { name: true, optional: true },
  },
  // Numbers for the downward API; nothing is enforced.
  resources: { limits: anything, requests: anything },
  volumeMounts: { name: true, mountPath: true, readOnly: true, recursiveReadOnly: anything },
  startupProbe: probe,
  readinessProbe: probe,
  livenessProbe: probe,
  lifecycle: { postStart: hook, preStop: hook },
  restartPolicy: true,
  securityContext: {
    runAsUser: true,
    runAsGroup: true,
    runAsNonRoot: true,
    privileged: true,
    allowPrivilegeEscalation: true,
    readOnlyRootFilesystem: true,
    capabilities: { add: true, drop: true },
    seccompProfile: anything,
  },
  terminationMessagePath: anything,
  terminationMessagePolicy: anything,
  stdin: anything,
  tty: anything,
};

const files: Shape = { key: true, path: true, mode: true };
const downwardFiles: Shape = {
  path: true,
  mode: true,
  fieldRef: { fieldPath: true, apiVersion: true },
  resourceFieldRef: { containerName: true, resource: true, divisor: true },
};

const podSpec: Shape = {
  containers: container,
  initContainers: container,
  volumes: {
    name: true,
    emptyDir: { medium: anything, sizeLimit: anything },
    configMap: { name: true, optional: true, defaultMode: true, items: files },
    secret: { secretName: true, optional: true, defaultMode: true, items: files },
    downwardAPI: { defaultMode: true, items: downwardFiles },
    projected: {
      defaultMode: true,
      sources: {
        serviceAccountToken: { audience: true, expirationSeconds: true, path: true },
        configMap: { name: true, optional: true, items: files },
        secret: { name: true, optional: true, items: files },
        downwardAPI: { items: downwardFiles },
      },
    },
  },
  nodeName: true,
  nodeSelector: true,
  serviceAccountName: true,
  serviceAccount: true,
  automountServiceAccountToken: anything,
  restartPolicy: true,
  terminationGracePeriodSeconds: true,
  hostname: true,
  hostAliases: { ip: true, hostnames: true },
  dnsPolicy: anything,
  dnsConfig: { nameservers: true, searches: true, options: { name: true, value: true } },
  securityContext: {
    runAsUser: true,
    runAsGroup: true,
    runAsNonRoot: true,
    fsGroup: true,
    fsGroupChangePolicy: anything,
    seccompProfile: anything,
    sysctls: { name: true, value: true },
  },
  schedulerName: true,
  affinity: anything,
  topologySpreadConstraints: anything,
  tolerations: anything,
  priority: anything,
  priorityClassName: anything,
  preemptionPolicy: anything,
  enableServiceLinks: anything,
  imagePullSecrets: anything,
};

/** Of an API server's pod: what it added as a default is among the known. Empty when all of it can be carried out. */
export function unknownFields({ spec }: V1Pod): readonly string[] {
  const values = spec?.dnsPolicy === undefined || ['ClusterFirst', 'None'].includes(spec.dnsPolicy);
  return [...missing('spec', spec, podSpec), ...(values ? [] : [`spec.dnsPolicy=${spec.dnsPolicy}`])];
}

function missing(path: string, value: unknown, shape: Shape | true): readonly string[] {
  if (shape === true || typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((each, index) => missing(`${path}[${index}]`, each, shape));
  return Object.entries(value).flatMap(([field, inner]) => {
    const known = shape[field];
    return known === undefined ? [`${path}.${field}`] : missing(`${path}.${field}`, inner, known);
  });
}
