// One changed or deleted object → the index. In: the object. Out: what is wrong with it; when an error refuses it, the index
// keeps what the object declared before.

import { isDeepStrictEqual } from 'node:util';
import { convertEndpointSlice } from '../convert/endpoint-slice.ts';
import { convertGatewayResource } from '../convert/gateway-resource.ts';
import type { Conversion } from '../convert/findings.ts';
import { readMeshConfigMap } from '../convert/mesh-config.ts';
import { convertNode } from '../convert/node.ts';
import { convertPod } from '../convert/pod.ts';
import { convertService } from '../convert/service.ts';
import { convertServiceEntry } from '../convert/service-entry.ts';
import { convertRemoteSecret, declaresRemotes } from '../convert/remote-secret.ts';
import { convertServiceAccountToken, type TokenDeclaration } from '../convert/service-account-token.ts';
import { isMapping } from '../convert/field-reader.ts';
import { annotation, label } from '../convert/well-known.ts';
import { convertWorkloadEntry } from '../convert/workload-entry.ts';
import { convertWorkloadGroup } from '../convert/workload-group.ts';
import type { ClusterMode } from '../model/cluster-snapshot.ts';
import { keyOf, kindOf, type KubernetesObject } from '../model/kubernetes-object.ts';
import { parseObjectKey, type ClusterId, type ObjectKey } from '../model/names.ts';
import type { Policy } from '../model/policy.ts';
import type { MeshSettings } from '../model/mesh-config.ts';
import type { Problem } from '../model/problem.ts';
import type { RemoteSecret } from '../model/remote-secret.ts';
import { convertPolicy } from '../policy/convert-policy.ts';
import type { ClusterIndex } from './cluster-index.ts';
import { localName } from './local-name.ts';
import type { Form, ObjectForms } from './object-forms.ts';

export interface FoldContext {
  readonly clusterId: ClusterId;
  readonly mode: ClusterMode;
  readonly domain: string;
  readonly systemNamespace: string;
  /** What holds where ConfigMap `istio` says nothing. Its trust domain can't be changed while the instance runs. */
  readonly meshDefaults: MeshSettings;
}

/** The Gateway API's, not Istio's. */
const gatewayResource = 'Gateway.gateway.networking.k8s.io';

/** ConfigMap of the system namespace with MeshConfig and MeshNetworks. */
const meshConfigMap = 'istio';

/** ConfigMap in which a control plane publishes its roots. */
const rootConfigMap = 'istio-ca-root-cert';
/** Where the fingerprints from the system namespace's annotation are: in no namespace, so that a ConfigMap comes first. */
const annotatedRoots = '';

/**
 * `forms` decides what is in force of an object that is held back; absent: whatever is declared. Never throws: what nobody thought
 * of in one object must not take the others down.
 */
export function foldObject(
  index: ClusterIndex,
  object: KubernetesObject,
  context: FoldContext,
  forms?: Pick<ObjectForms, 'declare'>,
): readonly Problem[] {
  try {
    return fold(index, object, context, forms);
  } catch (error) {
    return [unforeseen(object, error)];
  }
}

function unforeseen(object: KubernetesObject, error: unknown): Problem {
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    severity: 'error',
    code: 'internal-error',
    object: keyOf(object),
    ...(object.origin === undefined ? {} : { origin: object.origin }),
    message: `Isthmus fails to read this object (${reason.slice(0, 200)}), which is a fault of its own; what the object said before stays in force. Report it, with the object, and write the object in a simpler way until it is mended.`,
  };
}

function fold(
  index: ClusterIndex,
  object: KubernetesObject,
  context: FoldContext,
  forms?: Pick<ObjectForms, 'declare'>,
): readonly Problem[] {
  const key = keyOf(object);
  const put = <T extends Form>(form: T | undefined): void => {
    const tryAgain = object.metadata.annotations[annotation.tryAgain];
    putForm(index, key, forms === undefined ? form : forms.declare(key, { form, tryAgain }, formOf(index, key)));
  };
  const { name, namespace } = object.metadata;
  const isPrimary = context.mode === 'primary';
  switch (kindOf(object)) {
    case 'Service':
      return take(convertService(object, context), (value) => index.putService(localName(namespace, name), value));
    case 'EndpointSlice':
      return take(convertEndpointSlice(object), (value) => index.putSlice(key, value));
    case 'Pod':
      return take(convertPod(object), (value) => index.putWorkload(key, value));
    case 'WorkloadEntry':
      return take(convertWorkloadEntry(object), (value) => index.putWorkload(key, value));
    case 'WorkloadGroup':
      // Nothing is derived from it: what registers by it has a WorkloadEntry.
      return isPrimary ? convertWorkloadGroup(object).problems : [];
    case 'ServiceEntry':
      return isPrimary ? take(convertServiceEntry(object), put) : [];
    case gatewayResource:
      return take(convertGatewayResource(object, context), (value) => index.putGatewayResource(key, value));
    case 'Node':
      return take(convertNode(object), (value) => index.putNode(name, value));
    case 'Namespace':
      if (name === context.systemNamespace) {
        putSystemNetwork(index, object.metadata.labels[label.network]);
        putRoots(index, annotatedRoots, object.metadata.annotations[annotation.rootFingerprints]);
      }
      index.putNamespace(name, isInjected(object.metadata.labels));
      return [];
    case 'ConfigMap':
      if (name === rootConfigMap) putRoots(index, namespace, rootsOf(object));
      return isPrimary && isMeshConfigMap(name, namespace, context) ? foldMeshSettings(index, object, context) : [];
    case 'Secret':
      return isPrimary ? foldSecret(index, object, context) : [];
    default: {
      const conversion = isPrimary ? convertPolicy(object, context) : undefined;
      return conversion === undefined ? [] : foldPolicy(index, key, conversion, put);
    }
  }
}

export function foldDeletion(index: ClusterIndex, key: ObjectKey, context: FoldContext): void {
  const { kind, namespace, name } = parseObjectKey(key);
  switch (kind) {
    case 'Service':
      return index.putService(localName(namespace, name), undefined);
    case 'EndpointSlice':
      return index.putSlice(key, undefined);
    case 'Pod':
    case 'WorkloadEntry':
      return index.putWorkload(key, undefined);
    case 'ServiceEntry':
      return index.putServiceEntry(key, undefined);
    case gatewayResource:
      return index.putGatewayResource(key, undefined);
    case 'Node':
      return index.putNode(name, undefined);
    case 'Namespace':
      index.putNamespace(name, false);
      if (name !== context.systemNamespace) return undefined;
      putRoots(index, annotatedRoots, undefined);
      return putSystemNetwork(index, undefined);
    case 'ConfigMap':
      if (isMeshConfigMap(name, namespace, context)) index.meshSettings = undefined;
      return name === rootConfigMap ? putRoots(index, namespace, undefined) : undefined;
    case 'Secret':
      putToken(index, key, undefined);
      return putRemotes(index, key, undefined);
    default:
      return putPolicy(index, key, undefined);
  }
}

function isMeshConfigMap(name: string, namespace: string, context: FoldContext): boolean {
  return name === meshConfigMap && namespace === context.systemNamespace;
}

function foldMeshSettings(index: ClusterIndex, object: KubernetesObject, context: FoldContext): readonly Problem[] {
  const { meshDefaults } = context;
  const { value, problems } = readMeshConfigMap(object, meshDefaults);
  if (value === undefined) return problems;
  const { trustDomain } = meshDefaults.config;
  const settings = { ...value, config: { ...value.config, trustDomain } };
  if (!isDeepStrictEqual(index.meshSettings, settings)) index.meshSettings = settings;
  if (value.config.trustDomain === trustDomain) return problems;
  return [...problems, otherTrustDomain(object, value.config.trustDomain, trustDomain)];
}

function otherTrustDomain(object: KubernetesObject, declared: string, inForce: string): Problem {
  return {
    severity: 'error',
    code: 'trust-domain-differs',
    object: keyOf(object),
    field: 'data.mesh',
    origin: object.origin,
    message: `trustDomain is ${declared}, but this instance signs for ${inForce}: start it with --trust-domain ${declared}, or change the ConfigMap`,
  };
}

function foldSecret(index: ClusterIndex, object: KubernetesObject, context: FoldContext): readonly Problem[] {
  const key = keyOf(object);
  const remotes = declaresRemotes(object) ? convertRemoteSecret(object, context) : { problems: [] };
  return [
    ...take(convertServiceAccountToken(object), (value) => putToken(index, key, value)),
    ...take(remotes, (value) => putRemotes(index, key, value)),
  ];
}

function putToken(index: ClusterIndex, key: ObjectKey, next: TokenDeclaration | undefined): void {
  if (next === undefined && !index.tokens.has(key)) return;
  if (next === undefined) index.tokens.delete(key);
  else index.tokens.set(key, next);
  index.affected.tokens = true;
}

function putRemotes(index: ClusterIndex, key: ObjectKey, next: readonly RemoteSecret[] | undefined): void {
  if (isDeepStrictEqual(index.remoteSecrets.get(key), next)) return;
  if (next === undefined) index.remoteSecrets.delete(key);
  else index.remoteSecrets.set(key, next);
  index.affected.remoteSecrets = true;
}

/** Whether Pods of a namespace get a sidecar. `istio-injection` decides when it is there. */
function isInjected(labels: Readonly<Record<string, string>>): boolean {
  const injection = labels[label.injection];
  return injection === undefined ? (labels[label.revision] ?? '') !== '' : injection === 'enabled';
}

function take<T>(conversion: Conversion<T>, put: (value: T | undefined) => void): readonly Problem[] {
  const isRefused = conversion.problems.some((problem) => problem.severity === 'error');
  if (!isRefused) put(conversion.value);
  return conversion.problems;
}

/** What is in force of a policy or ServiceEntry. */
export function formOf(index: ClusterIndex, key: ObjectKey): Form | undefined {
  return index.policies.get(key) ?? index.serviceEntries.get(key);
}

/** Puts a policy or ServiceEntry in force; undefined takes it away. */
export function putForm(index: ClusterIndex, key: ObjectKey, form: Form | undefined): void {
  if (parseObjectKey(key).kind === 'ServiceEntry') {
    index.putServiceEntry(key, form !== undefined && !isPolicy(form) ? form : undefined);
  } else putPolicy(index, key, form !== undefined && isPolicy(form) ? form : undefined);
}

function isPolicy(form: Form): form is Policy {
  return 'kind' in form;
}

function foldPolicy(
  index: ClusterIndex,
  key: ObjectKey,
  conversion: Conversion<Policy>,
  put: (policy: Policy | undefined) => void,
): readonly Problem[] {
  const known = index.policies.get(key);
  const isKnownGood = known !== undefined && !('failClosed' in known && known.failClosed);
  const problems = take(conversion, put);
  if (conversion.standIn === undefined || isKnownGood) return problems;
  putPolicy(index, key, conversion.standIn);
  return [...problems, closed(key, problems)];
}

/** What the stand-in does. */
function closed(key: ObjectKey, problems: readonly Problem[]): Problem {
  const origin = problems.find((problem) => problem.origin !== undefined)?.origin;
  return {
    severity: 'error',
    code: 'denies-everything',
    object: key,
    field: 'spec',
    ...(origin === undefined ? {} : { origin }),
    message:
      'there was never a good state of this policy, so everything is denied at the workloads that it selects (without a selector all of its namespace, and of the mesh in the root namespace): correct what is wrong with it.',
  };
}

function putPolicy(index: ClusterIndex, key: ObjectKey, next: Policy | undefined): void {
  if (isDeepStrictEqual(index.policies.get(key), next)) return;
  if (next === undefined) index.policies.delete(key);
  else index.policies.set(key, next);
  index.affected.policies.add(key);
}

function putSystemNetwork(index: ClusterIndex, network: string | undefined): void {
  if (index.systemNetworkLabel === network) return;
  index.systemNetworkLabel = network;
  index.touchEverything();
}

function putRoots(index: ClusterIndex, namespace: string, pem: string | undefined): void {
  if (index.roots.get(namespace) === pem) return;
  if (pem === undefined) index.roots.delete(namespace);
  else index.roots.set(namespace, pem);
  index.affected.roots = true;
}

function rootsOf(object: KubernetesObject): string | undefined {
  const data = object.body['data'];
  const pem = isMapping(data) ? data['root-cert.pem'] : undefined;
  return typeof pem === 'string' ? pem : undefined;
}
