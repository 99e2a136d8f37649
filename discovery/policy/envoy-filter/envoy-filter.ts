// An EnvoyFilter → the patches that it declares, each with the Envoy message that it is about.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/

import { createHash } from 'node:crypto';
import { readChoice } from '../../convert/choice.ts';
import { type FieldReader } from '../../convert/field-reader.ts';
import type { Conversion } from '../../convert/findings.ts';
import type { KubernetesObject } from '../../model/kubernetes-object.ts';
import type { EnvoyFilterPolicy, EnvoyPatch, PatchOperation, PatchPlace } from '../../model/policies/envoy-filter.ts';
import { policyOrigin, readSpec } from '../policy-fields.ts';
import { readTarget } from '../policy-target.ts';
import { readPatchMatch } from './patch-match.ts';
import { effectiveOperation, operations, placeRules, places, wordFor } from './patch-rules.ts';
import { readPatchValue } from './patch-value.ts';

const filterClasses: Readonly<Record<string, 'authn' | 'authz' | 'stats' | 'unspecified'>> = {
  UNSPECIFIED: 'unspecified',
  AUTHN: 'authn',
  AUTHZ: 'authz',
  STATS: 'stats',
};

export function convertEnvoyFilter(object: KubernetesObject): Conversion<EnvoyFilterPolicy> {
  const { spec, findings } = readSpec(object);
  const selector = readSelector(spec);
  const { target } = readTarget(spec, selector, object.metadata.namespace);
  if (spec.has('workloadSelector') && spec.has('targetRefs')) {
    const message = `${spec.at('workloadSelector')} stands beside targets: keep one of them`;
    findings.error('conflicting-fields', spec.at('workloadSelector'), message);
  }
  const priority = spec.integer('priority', -(2 ** 31), 2 ** 31 - 1) ?? 0;
  const patches = spec.objects('configPatches').flatMap((reader, index) => readPatch(reader, index) ?? []);
  if (spec.list('configPatches').length === 0) {
    findings.warn('empty', spec.at('configPatches'), `${spec.at('configPatches')} is empty, so nothing is changed`);
  }
  spec.end();
  return findings.conclude({
    kind: 'EnvoyFilter',
    ...policyOrigin(object),
    exportTo: [],
    ...target,
    priority,
    // What is too deep to be read is too deep to be written, too.
    digest: findings.refused ? '' : digestOf(object.body['spec']),
    patches,
  });
}

function readSelector(spec: FieldReader): Readonly<Record<string, string>> {
  const reader = spec.object('workloadSelector');
  const labels = reader?.stringMap('labels') ?? {};
  for (const [name, value] of Object.entries(labels)) {
    if (!name.includes('*') && !value.includes('*')) continue;
    const field = `${reader?.at('labels') ?? ''}[${JSON.stringify(name)}]`;
    spec.findings.error('invalid-value', field, `${field} has a star, which no label matches: name the label's value`);
  }
  reader?.end();
  return labels;
}

function digestOf(spec: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(spec) ?? '')
    .digest('base64url');
}

function readPatch(reader: FieldReader, index: number): EnvoyPatch | undefined {
  const applyTo = readPlace(reader);
  const match = readPatchMatch(reader.object('match'), applyTo);
  const patch = reader.object('patch');
  if (patch === undefined && !reader.has('patch')) reader.missing('patch');
  const operation = patch === undefined || applyTo === undefined ? undefined : readOperation(patch, applyTo);
  if (patch === undefined || applyTo === undefined || operation === undefined) {
    patch?.ignore('value', 'filterClass', 'operation');
    patch?.end();
    reader.end();
    return undefined;
  }
  const filterClass = readFilterClass(patch, applyTo, operation);
  const value = readValue(patch, applyTo, operation);
  checkNamed(patch, { applyTo, operation, ...match, value });
  patch.end();
  reader.end();
  if (operation !== 'remove' && value === undefined) return undefined;
  return {
    index,
    applyTo,
    operation,
    ...match,
    ...(filterClass === undefined ? {} : { filterClass }),
    ...(value === undefined ? {} : { value }),
  };
}

/** What changes a filter has to say which one, or it would silently change none. */
function checkNamed(
  patch: FieldReader,
  { applyTo, operation, listener, value }: Omit<EnvoyPatch, 'index' | 'context'>,
): void {
  const names = {
    'listener-filter': { name: listener?.listenerFilter, field: 'listener.listenerFilter' },
    'network-filter': { name: listener?.chain?.filter, field: 'listener.filterChain.filter.name' },
    'http-filter': { name: listener?.chain?.subFilter, field: 'listener.filterChain.filter.subFilter.name' },
  } as const;
  if (operation === 'add' || operation.startsWith('insert-')) return;
  if (applyTo !== 'listener-filter' && applyTo !== 'network-filter' && applyTo !== 'http-filter') return;
  const { name, field } = names[applyTo];
  const named = name ?? value?.['name'];
  // A value that is missing or mistaken was reported.
  if ((named !== undefined && named !== '') || (operation !== 'remove' && value === undefined)) return;
  const at = patch.at('operation');
  const message = `${at} is ${wordFor(operations, operation)}, and the patch names no filter to do that to: name it in match.${field}`;
  patch.findings.error('missing-field', at, message);
}

function readPlace(reader: FieldReader): PatchPlace | undefined {
  if (!reader.has('applyTo')) reader.missing('applyTo');
  if (reader.raw('applyTo') !== 'BOOTSTRAP') return readChoice(reader, 'applyTo', places);
  const message = `${reader.at('applyTo')} is BOOTSTRAP, which the agent writes before its proxy is told anything: put what it is to have into the agent's own configuration`;
  reader.findings.error('unsupported-field', reader.at('applyTo'), message);
  return undefined;
}

function readOperation(patch: FieldReader, applyTo: PatchPlace): PatchOperation | undefined {
  if (!patch.has('operation')) patch.missing('operation');
  const operation = readChoice(patch, 'operation', operations);
  if (operation === undefined) return undefined;
  const allowed = placeRules[applyTo].operations;
  if (allowed.includes(operation)) return effectiveOperation(applyTo, operation);
  const words = allowed.map((one) => wordFor(operations, one)).join(', ');
  const message = `there is no ${wordFor(operations, operation)} of a ${wordFor(places, applyTo)}: use one of ${words}`;
  patch.findings.error('invalid-value', patch.at('operation'), message);
  return undefined;
}

function readFilterClass(
  patch: FieldReader,
  applyTo: PatchPlace,
  operation: PatchOperation,
): EnvoyPatch['filterClass'] {
  const filterClass = readChoice(patch, 'filterClass', filterClasses);
  if (filterClass === undefined || filterClass === 'unspecified') return undefined;
  const isFilter = applyTo === 'http-filter' || applyTo === 'network-filter';
  if (isFilter && operation === 'add') return filterClass;
  const message = `${patch.at('filterClass')} says where a filter is added, and this patch does something else, so it has no effect: remove it`;
  patch.findings.warn('unused-field', patch.at('filterClass'), message);
  return undefined;
}

function readValue(patch: FieldReader, applyTo: PatchPlace, operation: PatchOperation): EnvoyPatch['value'] {
  if (operation === 'remove') {
    if (patch.has('value')) {
      const message = `${patch.at('value')} is not looked at when something is removed: remove it`;
      patch.findings.warn('unused-field', patch.at('value'), message);
    }
    return undefined;
  }
  const whole = operation !== 'merge' && operation !== 'merge-replacing-lists';
  return readPatchValue(patch, { message: placeRules[applyTo].message, whole });
}
