// `targetRef` and `targetRefs` of a policy: Gateways of the Gateway API in its own namespace, whose pods alone it is for. What only a
// waypoint could obey refuses the object. In: the spec. Out: the gateways, and what is closed for as long as the object was never good.
// https://istio.io/latest/docs/reference/config/type/workload-selector/#PolicyTargetReference

import { show, type FieldReader } from '../convert/field-reader.ts';

type Selector = Readonly<Record<string, string>>;

export interface PolicyTarget {
  readonly selector: Selector;
  /** Names; absent where nothing is targeted. Never empty. */
  readonly targetGateways?: readonly string[];
}

export interface ReadTarget {
  readonly target: PolicyTarget;
  /** What a policy that can't be expressed closes; undefined when all that it names is what nobody here serves. */
  readonly closes: PolicyTarget | undefined;
}

const gatewayGroup = 'gateway.networking.k8s.io';

/** `namespace`: of the policy. */
export function readTarget(spec: FieldReader, selector: Selector, namespace: string): ReadTarget {
  const single = spec.object('targetRef');
  const readers = [...(single === undefined ? [] : [single]), ...spec.objects('targetRefs')];
  if (readers.length === 0) return { target: { selector }, closes: { selector } };
  if (single !== undefined && readers.length > 1) {
    const message = `${spec.at('targetRef')} stands beside targetRefs: keep one of them`;
    spec.findings.error('conflicting-fields', spec.at('targetRef'), message);
  }
  if (spec.has('selector')) {
    const message = `${spec.at('selector')} stands beside targets: keep one of them`;
    spec.findings.error('conflicting-fields', spec.at('selector'), message);
  }
  const names = [...new Set(readers.flatMap((reader) => readGateway(reader, namespace) ?? []))].toSorted();
  const target = { selector: {}, targetGateways: names };
  return { target, closes: names.length === 0 ? undefined : target };
}

function readGateway(reader: FieldReader, namespace: string): string | undefined {
  const kind = reader.requiredString('kind');
  const group = reader.string('group') ?? '';
  const name = reader.requiredString('name');
  const other = reader.string('namespace') ?? '';
  reader.end();
  const { findings } = reader;
  if (kind === '' || name === '') return undefined;
  if (kind !== 'Gateway') {
    const message = `${show(kind)} is a target for waypoints, and there are none here: write selector with labels of the workloads instead`;
    findings.error('unsupported-field', reader.at('kind'), message);
    return undefined;
  }
  if (group !== gatewayGroup) {
    const message = `a Gateway is targeted with group ${gatewayGroup}, for one of networking.istio.io write selector with its labels: correct it`;
    findings.error('invalid-value', reader.at('group'), message);
  }
  if (other !== '' && other !== namespace) {
    const message = `a policy can't be for a Gateway of another namespace: move it to ${show(other)}, or remove the field`;
    findings.error('invalid-value', reader.at('namespace'), message);
    return undefined;
  }
  return name;
}
