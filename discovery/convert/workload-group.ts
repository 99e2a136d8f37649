// An Istio WorkloadGroup → what machines that register by it have in common.
// https://istio.io/latest/docs/reference/config/networking/workload-group/

import type { KubernetesObject } from '../model/kubernetes-object.ts';
import { FieldReader, isMapping, show } from './field-reader.ts';
import { Findings, type Conversion } from './findings.ts';
import { readWorkloadTraits } from './workload-fields.ts';

type Texts = Readonly<Record<string, string>>;

export interface WorkloadGroup {
  readonly apiVersion: string;
  readonly name: string;
  readonly namespace: string;
  /** Empty when the source gives objects none. */
  readonly uid: string;
  /** Of each entry: the template's, those of `metadata` over them. */
  readonly labels: Texts;
  readonly annotations: Texts;
  /** Spec of a WorkloadEntry without an address, as it was declared. */
  readonly template: Readonly<Record<string, unknown>>;
  /** Who may register; empty: any service account of the namespace. */
  readonly serviceAccount: string;
  /** Machines of the group are expected to probe their workload. */
  readonly hasProbe: boolean;
}

/** Kubernetes' limit for what is counted in a probe. */
const maxInt32 = 2_147_483_647;

export function convertWorkloadGroup(object: KubernetesObject): Conversion<WorkloadGroup> {
  const findings = new Findings(object);
  const { name, namespace, uid = '' } = object.metadata;
  const body = new FieldReader(object.body, '', findings);
  const spec = body.object('spec') ?? new FieldReader({}, 'spec', findings);
  const metadata = spec.object('metadata');
  const ownLabels = metadata?.stringMap('labels') ?? {};
  const annotations = metadata?.stringMap('annotations') ?? {};
  metadata?.end();
  if (!spec.has('template')) spec.missing('template');
  const template = spec.object('template') ?? new FieldReader({}, 'spec.template', findings);
  if (template.has('address')) {
    const field = template.at('address');
    const message = `${field} would be the address of every machine of the group, and each has its own: remove the field`;
    findings.error('unsupported-field', field, message);
  }
  const { labels, serviceAccount } = readWorkloadTraits(template, {});
  template.end();
  const probe = spec.object('probe');
  if (probe !== undefined) checkProbe(probe);
  spec.end();
  const declared = isMapping(object.body['spec']) ? object.body['spec']['template'] : undefined;
  return findings.conclude({
    apiVersion: object.apiVersion,
    name,
    namespace,
    uid,
    labels: { ...labels, ...ownLabels },
    annotations,
    template: isMapping(declared) ? declared : {},
    serviceAccount,
    hasProbe: probe !== undefined,
  });
}

/** What the agent of a machine does; here it is only made sure that an agent can. */
function checkProbe(probe: FieldReader): void {
  for (const name of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ]) {
    probe.integer(name, 0, maxInt32);
  }
  const http = probe.object('httpGet');
  if (http !== undefined) checkHttp(http);
  const tcp = probe.object('tcpSocket');
  tcp?.string('host');
  requirePort(tcp);
  const exec = probe.object('exec');
  if (exec !== undefined && exec.strings('command').length === 0) exec.missing('command');
  const grpc = probe.object('grpc');
  grpc?.string('service');
  requirePort(grpc);
  for (const way of [http, tcp, exec, grpc]) way?.end();
  const ways = [http, tcp, exec, grpc].filter((way) => way !== undefined).length;
  if (ways !== 1) {
    const message = `${probe.path} has ${ways} of httpGet, tcpSocket, exec and grpc: write exactly one`;
    probe.findings.error('not-exactly-one', probe.path, message);
  }
  probe.end();
}

function checkHttp(http: FieldReader): void {
  http.string('path');
  http.string('host');
  requirePort(http);
  const scheme = http.string('scheme') ?? 'HTTP';
  if (!['http', 'https', ''].includes(scheme.toLowerCase())) {
    const message = `${show(scheme)} is neither HTTP nor HTTPS: correct it`;
    http.findings.error('invalid-value', http.at('scheme'), message);
  }
  for (const header of http.objects('httpHeaders')) {
    header.requiredString('name');
    header.string('value');
    header.end();
  }
}

function requirePort(way: FieldReader | undefined): void {
  if (way !== undefined && way.port('port') === undefined && !way.has('port')) way.missing('port');
}
