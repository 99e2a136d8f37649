// An AuthorizationPolicy → who may do what. One that can't be expressed never opens anything: while there is no good state of
// it, a policy that denies everything stands in for it.
// https://istio.io/latest/docs/reference/config/security/authorization-policy/

import { readChoice } from '../../convert/choice.ts';
import type { FieldReader } from '../../convert/field-reader.ts';
import type { Conversion } from '../../convert/findings.ts';
import type { KubernetesObject } from '../../model/kubernetes-object.ts';
import type {
  AuthorizationAction,
  AuthorizationOperation,
  AuthorizationPolicy,
  AuthorizationRule,
  AuthorizationSource,
} from '../../model/policy.ts';
import { policyOrigin, readSpec } from '../policy-fields.ts';
import { readTarget } from '../policy-target.ts';
import { readWorkloadSelector } from '../workload-selector.ts';
import { readAccount, readBlock, readPortNumber, readPrincipal } from './attribute-values.ts';
import { readCondition } from './condition.ts';
import { readAttribute, readMethod, readPath, readPattern, refuseEmptyList } from './text-pattern.ts';

const actions: Readonly<Record<string, AuthorizationAction>> = {
  ALLOW: 'allow',
  DENY: 'deny',
  AUDIT: 'audit',
  CUSTOM: 'custom',
};

/** `"true"`: what the policy would decide is counted and logged, and not done. */
const dryRunAnnotation = 'istio.io/dry-run';
/** `"true"`: principals hold under the aliases of the trust domain as well. */
const aliasAnnotation = 'isthmus.io/trust-domain-aliases';

export function convertAuthorizationPolicy(object: KubernetesObject): Conversion<AuthorizationPolicy> {
  const { spec, findings } = readSpec(object);
  const { annotations, namespace } = object.metadata;
  const { target, closes } = readTarget(spec, readWorkloadSelector(spec), namespace);
  const action = readChoice(spec, 'action', actions) ?? 'allow';
  const provider = readProvider(spec, action);
  const rules = spec.objects('rules').map((rule) => readRule(rule, namespace));
  spec.end();
  const dryRun = annotations[dryRunAnnotation] === 'true';
  if (dryRun && action === 'custom') {
    const field = `metadata.annotations[${JSON.stringify(dryRunAnnotation)}]`;
    const message = 'a dry run of action CUSTOM asks nobody and decides nothing: remove the annotation or the policy';
    findings.warn('no-effect', field, message);
  }
  const policy = {
    kind: 'AuthorizationPolicy' as const,
    ...policyOrigin(object),
    exportTo: [],
    ...target,
    dryRun,
    anyTrustDomainAlias: annotations[aliasAnnotation] === 'true',
  };
  const conversion = findings.conclude<AuthorizationPolicy>({
    ...policy,
    action,
    ...(provider === undefined ? {} : { provider }),
    rules,
    failClosed: false,
  });
  if (conversion.value !== undefined || action === 'audit' || closes === undefined) return conversion;
  return {
    ...conversion,
    standIn: { ...policy, ...closes, action: 'deny', rules: [everything], failClosed: true },
  };
}

const everything: AuthorizationRule = { sources: [], operations: [], conditions: [] };

function readProvider(spec: FieldReader, action: AuthorizationAction): string | undefined {
  const reader = spec.object('provider');
  const name = reader?.requiredString('name');
  reader?.end();
  if (action === 'custom' && reader === undefined) {
    const message = 'action CUSTOM needs spec.provider.name, an extension provider of MeshConfig: add it';
    spec.findings.error('missing-field', spec.at('provider'), message);
  } else if (action !== 'custom' && reader !== undefined) {
    const message = 'spec.provider is for action CUSTOM alone: remove it or change the action';
    spec.findings.error('conflicting-fields', spec.at('provider'), message);
  }
  return name;
}

function readRule(reader: FieldReader, namespace: string): AuthorizationRule {
  for (const name of ['from', 'to', 'when']) refuseEmptyList(reader, name);
  const sources = reader.objects('from').flatMap((from) => nested(from, 'source', (one) => readSource(one, namespace)));
  const operations = reader.objects('to').flatMap((to) => nested(to, 'operation', readOperation));
  const conditions = reader.objects('when').flatMap((when) => readCondition(when, namespace) ?? []);
  reader.end();
  return { sources, operations, conditions };
}

/** `{source: {…}}`, of which neither may be empty: Kubernetes would take it, and it would say nothing. */
function nested<T extends object>(outer: FieldReader, name: string, read: (reader: FieldReader) => T): readonly T[] {
  const reader = outer.object(name);
  if (reader === undefined || reader.keys().length === 0) {
    const field = outer.at(name);
    outer.findings.error('missing-field', field, `${field} says nothing: add a field, or remove ${outer.path}`);
  }
  const value = reader === undefined ? [] : [read(reader)];
  if (value.some((one) => Object.values(one).every((field) => field === undefined)) && !outer.findings.refused) {
    const field = outer.at(name);
    outer.findings.error('missing-field', field, `${field} says nothing: add a field, or remove ${outer.path}`);
  }
  reader?.end();
  outer.end();
  return value;
}

function readSource(reader: FieldReader, namespace: string): AuthorizationSource {
  reader.refuse('trustDomains', 'notTrustDomains');
  const source = {
    principals: readAttribute(reader, ['principals', 'notPrincipals'], readPrincipal),
    requestPrincipals: readAttribute(reader, ['requestPrincipals', 'notRequestPrincipals'], readPattern),
    namespaces: readAttribute(reader, ['namespaces', 'notNamespaces'], readPattern),
    serviceAccounts: readAttribute(reader, ['serviceAccounts', 'notServiceAccounts'], readAccount(namespace)),
    ipBlocks: readAttribute(reader, ['ipBlocks', 'notIpBlocks'], readBlock),
    remoteIpBlocks: readAttribute(reader, ['remoteIpBlocks', 'notRemoteIpBlocks'], readBlock),
  };
  if (source.serviceAccounts !== undefined && (source.principals ?? source.namespaces) !== undefined) {
    const message = `${reader.path} names serviceAccounts together with principals or namespaces: keep one of them`;
    reader.findings.error('conflicting-fields', reader.at('serviceAccounts'), message);
  }
  return source;
}

function readOperation(reader: FieldReader): AuthorizationOperation {
  return {
    hosts: readAttribute(reader, ['hosts', 'notHosts'], readPattern),
    ports: readAttribute(reader, ['ports', 'notPorts'], readPortNumber),
    methods: readAttribute(reader, ['methods', 'notMethods'], readMethod),
    paths: readAttribute(reader, ['paths', 'notPaths'], readPath),
  };
}
