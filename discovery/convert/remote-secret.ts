// A Secret with the label `istio/multiCluster: "true"` → the remote clusters that it declares: one a key, whose value is a
// kubeconfig. Whether a kubeconfig works is found out when it is used; no message here holds any of its text.

import { Hidden } from '../model/hidden.ts';
import { keyOf, type KubernetesObject } from '../model/kubernetes-object.ts';
import { clusterId, networkId, type ClusterId } from '../model/names.ts';
import type { RemoteSecret } from '../model/remote-secret.ts';
import type { StalePolicy } from '../model/stale-rule.ts';
import { parseDuration } from './duration.ts';
import { childPath, FieldReader, show } from './field-reader.ts';
import { Findings, type Conversion } from './findings.ts';
import { annotation, label } from './well-known.ts';

export interface RemoteSecretContext {
  /** The cluster that the Secret is in. */
  readonly clusterId: ClusterId;
  /** Remote clusters are declared there and nowhere else, so that who may write elsewhere can't add one. */
  readonly systemNamespace: string;
}

/** Whether a Secret is meant to declare remote clusters. */
export function declaresRemotes({ metadata }: KubernetesObject): boolean {
  return metadata.labels[label.multiCluster] === 'true';
}

export function convertRemoteSecret(
  object: KubernetesObject,
  context: RemoteSecretContext,
): Conversion<readonly RemoteSecret[]> {
  const findings = new Findings(object);
  const { metadata } = object;
  if (metadata.namespace !== context.systemNamespace) {
    findings.warn(
      'wrong-namespace',
      'metadata.namespace',
      `remote clusters are declared in namespace ${context.systemNamespace} only, so this Secret declares none: move it there or remove the label ${label.multiCluster}`,
    );
    return findings.conclude<readonly RemoteSecret[]>([]);
  }
  const options = readOptions(object, findings);
  const found: RemoteSecret[] = [];
  for (const { key, field, text } of readValues(object, findings)) {
    if (key === context.clusterId) {
      const consequence = "it is read with the instance's own credentials, and the key has no effect: remove it";
      findings.warn('own-cluster', field, `${show(key)} is the cluster that this Secret is in; ${consequence}`);
    } else if (!/^[a-zA-Z0-9]([-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?$/.test(key)) {
      const wanted = 'up to 63 letters, digits, "-", "_" and "."';
      findings.warn(
        'invalid-cluster-id',
        field,
        `${show(key)} is no name for a cluster, so it is not read: use ${wanted}`,
      );
    } else {
      const place = originOf(object, field);
      found.push({
        clusterId: clusterId(key),
        secret: keyOf(object),
        secretName: `${metadata.namespace}/${metadata.name}`,
        createdAtMs: metadata.createdAtMs,
        kubeconfig: new Hidden(text),
        field,
        ...(place === undefined ? {} : { origin: place }),
        ...options,
      });
    }
  }
  checkName(object, found, findings);
  return findings.conclude(found);
}

interface Value {
  readonly key: string;
  readonly field: string;
  readonly text: string;
}

/** `stringData` wins over `data`, as when the API server takes both. */
function readValues(object: KubernetesObject, findings: Findings): Value[] {
  const body = new FieldReader(object.body, '', findings);
  const values = new Map<string, Value>();
  for (const [part, encoding] of [['data', 'base64'] as const, ['stringData', 'utf8'] as const]) {
    const reader = body.object(part);
    for (const key of reader?.keys() ?? []) {
      const value = reader?.string(key) ?? '';
      values.set(key, { key, field: childPath(part, key), text: Buffer.from(value, encoding).toString('utf8') });
    }
  }
  if (values.size === 0) {
    findings.warn(
      'missing-field',
      'data',
      'the Secret has no key, so it declares no cluster: add CLUSTER_ID: KUBECONFIG',
    );
  }
  return [...values.values()];
}

type Options = Pick<RemoteSecret, 'network' | 'namespaces' | 'labelSelector' | 'stalePolicy' | 'staleAfterMs'>;

/** A scope that can't be read refuses the Secret: reading more than was meant is worse than what was meant before. */
function readOptions({ metadata }: KubernetesObject, findings: Findings): Options {
  const valueOf = (name: string): string | undefined => metadata.annotations[name]?.trim();
  const network = valueOf(annotation.network);
  if (network !== undefined && !isLabelValue(network)) {
    const wanted = 'up to 63 letters, digits, "-", "_" and "."';
    findings.error(
      'invalid-value',
      annotationField(annotation.network),
      `${show(network)} is no name for a network: use ${wanted}`,
    );
  }
  const namespaces = valueOf(annotation.namespaces)
    ?.split(',')
    .map((name) => name.trim());
  const wrong = namespaces?.find((name) => !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name));
  if (wrong !== undefined) {
    const message = `${show(wrong)} is no name of a namespace: write names with commas between them`;
    findings.error('invalid-value', annotationField(annotation.namespaces), message);
  }
  const labelSelector = valueOf(annotation.labelSelector);
  if (labelSelector !== undefined && !isSelector(labelSelector)) {
    const message = `${show(labelSelector)} is no label selector: write e.g. team=a or env in (test, production)`;
    findings.error('invalid-value', annotationField(annotation.labelSelector), message);
  }
  const policy = valueOf(annotation.stalePolicy);
  const stalePolicy = policy === undefined ? undefined : stalePolicies[policy];
  if (policy !== undefined && stalePolicy === undefined) {
    const message = `${show(policy)} is not keep, degrade or drop, so the instance's own policy applies: correct it`;
    findings.warn('invalid-value', annotationField(annotation.stalePolicy), message);
  }
  const after = valueOf(annotation.staleAfter);
  const staleAfterMs = after === undefined ? undefined : parseDuration(after);
  if (after !== undefined && staleAfterMs === undefined) {
    const message = `${show(after)} is not a duration such as 30s or 5m, so the instance's own applies: correct it`;
    findings.warn('invalid-duration', annotationField(annotation.staleAfter), message);
  }
  return {
    ...(network === undefined || network === '' ? {} : { network: networkId(network) }),
    ...(namespaces === undefined ? {} : { namespaces: [...new Set(namespaces)].toSorted() }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(stalePolicy === undefined ? {} : { stalePolicy }),
    ...(staleAfterMs === undefined ? {} : { staleAfterMs }),
  };
}

function annotationField(name: string): string {
  return `metadata.annotations[${JSON.stringify(name)}]`;
}

const stalePolicies: Readonly<Record<string, StalePolicy>> = { keep: 'keep', degrade: 'degrade', drop: 'drop' };

function isLabelValue(text: string): boolean {
  return text === '' || /^[a-zA-Z0-9]([-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?$/.test(text);
}

/** Its characters and its brackets; the API server, which applies it, checks the rest. */
function isSelector(text: string): boolean {
  return /^(?:[-\w./=!, ]|\([-\w., ]*\))+$/.test(text) && !/^[\s,]*$/.test(text);
}

/** The annotation repeats the cluster's name for people; the keys decide. */
function checkName(object: KubernetesObject, found: readonly RemoteSecret[], findings: Findings): void {
  const named = object.metadata.annotations[annotation.remoteCluster];
  if (named === undefined || found.length === 0 || found.some(({ clusterId: id }) => id === named)) return;
  const message = `it names ${show(named)}, which no key of the Secret does; the keys are taken: make them agree`;
  findings.warn('cluster-mismatch', annotationField(annotation.remoteCluster), message);
}

function originOf({ origin, lineOf }: KubernetesObject, field: string): RemoteSecret['origin'] {
  if (origin === undefined) return undefined;
  const line = lineOf?.(field) ?? origin.line;
  return line === undefined ? { place: origin.place } : { place: origin.place, line };
}
