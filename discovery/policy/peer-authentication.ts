// A PeerAuthentication → whether workloads accept plaintext, mutual TLS, or both.
// https://istio.io/latest/docs/reference/config/security/peer_authentication/

import { readChoice } from '../convert/choice.ts';
import { show, type FieldReader } from '../convert/field-reader.ts';
import type { Conversion } from '../convert/findings.ts';
import type { KubernetesObject } from '../model/kubernetes-object.ts';
import type { MtlsMode, PeerAuthenticationPolicy } from '../model/policy.ts';
import { policyOrigin, readSpec } from './policy-fields.ts';
import { readWorkloadSelector } from './workload-selector.ts';

const modes: Readonly<Record<string, MtlsMode | undefined>> = {
  UNSET: undefined,
  STRICT: 'strict',
  PERMISSIVE: 'permissive',
  DISABLE: 'disable',
};

export function convertPeerAuthentication(object: KubernetesObject): Conversion<PeerAuthenticationPolicy> {
  const { spec, findings } = readSpec(object);
  const selector = readWorkloadSelector(spec);
  const mode = readMode(spec.object('mtls'));
  const portModes = readPortModes(spec);
  if (portModes.size > 0 && Object.keys(selector).length === 0) {
    const message =
      'spec.portLevelMtls is of a workload and needs spec.selector.matchLabels: add it or remove the ports';
    findings.error('missing-field', 'spec.selector', message);
  }
  spec.end();
  return findings.conclude({
    kind: 'PeerAuthentication',
    ...policyOrigin(object),
    exportTo: [],
    selector,
    ...(mode === undefined ? {} : { mode }),
    portModes,
  });
}

function readMode(reader: FieldReader | undefined): MtlsMode | undefined {
  if (reader === undefined) return undefined;
  const mode = readChoice(reader, 'mode', modes);
  reader.end();
  return mode;
}

function readPortModes(spec: FieldReader): ReadonlyMap<number, MtlsMode> {
  const portModes = new Map<number, MtlsMode>();
  const ports = spec.object('portLevelMtls');
  for (const name of ports?.keys() ?? []) {
    const port = Number(name);
    const mode = readMode(ports?.object(name));
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      ports?.findings.error('invalid-port', ports.at(name), `${show(name)} is not a port number: correct it`);
    } else if (mode !== undefined) portModes.set(port, mode);
  }
  return portModes;
}
