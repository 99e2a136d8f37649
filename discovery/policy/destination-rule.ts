// A DestinationRule → the subsets of a host and how its endpoints are talked to.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/

import { checkExportTo } from '../convert/export-to.ts';
import { show, type FieldReader } from '../convert/field-reader.ts';
import type { Conversion } from '../convert/findings.ts';
import type { KubernetesObject } from '../model/kubernetes-object.ts';
import type { DestinationRulePolicy, Subset } from '../model/policy.ts';
import { policyOrigin, readSpec, resolveHost, type PolicyContext } from './policy-fields.ts';
import { readTrafficPolicies } from './traffic-policy.ts';

export function convertDestinationRule(
  object: KubernetesObject,
  { domain }: PolicyContext,
): Conversion<DestinationRulePolicy> {
  const { spec, findings } = readSpec(object);
  const { namespace } = object.metadata;
  const selector = spec.object('workloadSelector');
  const workloadSelector = selector?.stringMap('matchLabels');
  selector?.end();
  const text = spec.requiredString('host');
  const host = resolveHost(text === '' ? 'missing' : text, 'spec.host', findings, {
    namespace,
    domain,
    wildcard: 'allowed',
  });
  const { trafficPolicy, portPolicies } = readTrafficPolicies(spec.object('trafficPolicy'));
  const subsets = readSubsets(spec);
  const exportTo = checkExportTo(spec.strings('exportTo'), 'spec.exportTo', findings);
  spec.end();
  return findings.conclude({
    kind: 'DestinationRule',
    ...policyOrigin(object),
    exportTo,
    host,
    // One that names no label selects everybody.
    ...(workloadSelector === undefined || Object.keys(workloadSelector).length === 0 ? {} : { workloadSelector }),
    trafficPolicy,
    portPolicies,
    subsets,
  });
}

function readSubsets(spec: FieldReader): readonly Subset[] {
  const names = new Set<string>();
  return spec.objects('subsets').map((reader) => {
    const name = reader.requiredString('name');
    if (name !== '' && !/^[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?$/.test(name)) {
      const message = `${show(name)} is not a valid name (letters, digits, dots, dashes and underscores): correct it`;
      reader.findings.error('invalid-name', reader.at('name'), message);
    }
    if (names.has(name)) {
      reader.findings.error('duplicate-subset', reader.at('name'), `two subsets are named ${show(name)}: rename one`);
    }
    names.add(name);
    const labels = reader.stringMap('labels');
    const { trafficPolicy, portPolicies } = readTrafficPolicies(reader.object('trafficPolicy'));
    reader.end();
    return { name, labels, trafficPolicy, ...(portPolicies.size === 0 ? {} : { portPolicies }) };
  });
}
