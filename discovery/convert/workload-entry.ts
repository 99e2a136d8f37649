// An Istio WorkloadEntry → the workload outside Kubernetes that it stands for.
// https://istio.io/latest/docs/reference/config/networking/workload-entry/

import type { EndpointHealth } from '../model/endpoint.ts';
import { keyOf, type KubernetesObject } from '../model/kubernetes-object.ts';
import { FieldReader } from './field-reader.ts';
import { Findings, type Conversion } from './findings.ts';
import { canonicalService, type WorkloadDeclaration } from './workload-declaration.ts';
import { annotation } from './well-known.ts';
import { readWorkloadFields } from './workload-fields.ts';

export function convertWorkloadEntry(object: KubernetesObject): Conversion<WorkloadDeclaration> {
  const findings = new Findings(object);
  const body = new FieldReader(object.body, '', findings);
  const spec = body.object('spec') ?? new FieldReader({}, 'spec', findings);
  const meta = object.metadata;
  const { address, hostName, ports, labels, locality, network, weight, serviceAccount, tlsMode } = readWorkloadFields(
    spec,
    meta.labels,
  );
  spec.end();
  return findings.conclude({
    key: keyOf(object),
    kind: 'workload-entry',
    name: meta.name,
    namespace: meta.namespace,
    identity: {
      name: meta.name,
      namespace: meta.namespace,
      serviceAccount,
      ...canonicalService(labels, meta.name),
    },
    addresses: address === undefined ? [] : [address],
    ...(hostName === undefined ? {} : { dnsName: hostName }),
    health: readHealth(body.object('status'), meta.annotations[annotation.healthChecks] === 'true'),
    ended: false,
    deleting: meta.deleting ?? false,
    hostNetwork: false,
    labels,
    locality,
    network,
    tlsMode,
    weight,
    namedPorts: ports,
    createdAtMs: meta.createdAtMs,
  });
}

/**
 * The condition `Healthy`, which the control plane that a machine's agent reports to writes. Where the agent probes, there is no
 * endpoint before its first good report; without any condition an entry that nobody probes counts as healthy.
 */
function readHealth(status: FieldReader | undefined, isProbed: boolean): EndpointHealth {
  const healthy = status?.objects('conditions').find((condition) => condition.string('type') === 'Healthy');
  const said = healthy?.string('status');
  return said === 'False' || (isProbed && said !== 'True') ? 'unhealthy' : 'healthy';
}
