// What the `targetRefs` of a policy leave for one that stands in for it: they are not supported, and a policy that names a gateway
// must not close every workload of its namespace.

import type { FieldReader } from '../convert/field-reader.ts';

/** The label that pods of a Gateway of the Gateway API carry. */
const gatewayNameLabel = 'gateway.networking.k8s.io/gateway-name';

/** Labels of the workloads that are meant; undefined when none is, which all that targets name but gateways comes to. */
export function targetedWorkloads(
  spec: FieldReader,
  selector: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> | undefined {
  const single = spec.object('targetRef');
  const targets = [...(single === undefined ? [] : [single]), ...spec.objects('targetRefs')];
  if (targets.length === 0) return selector;
  const gateway = targets.find((target) => target.string('kind') === 'Gateway')?.string('name');
  return gateway === undefined ? undefined : { [gatewayNameLabel]: gateway };
}
