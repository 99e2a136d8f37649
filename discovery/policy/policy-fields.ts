// What the configuration kinds have in common: the object they came from and host names.

import { FieldReader, show } from '../convert/field-reader.ts';
import { Findings } from '../convert/findings.ts';
import { keyOf, type KubernetesObject } from '../model/kubernetes-object.ts';
import type { Origin } from '../model/problem.ts';
import { hostname, serviceHostname, type Hostname, type ObjectKey } from '../model/names.ts';

export interface PolicyContext {
  /** DNS domain of services, to complete short host names. */
  readonly domain: string;
}

/** The fields of a policy that say which object it is. */
export interface PolicyOrigin {
  readonly source: ObjectKey;
  readonly name: string;
  readonly namespace: string;
  readonly createdAtMs: number;
  readonly origin?: Origin | undefined;
}

export function policyOrigin(object: KubernetesObject): PolicyOrigin {
  const { name, namespace, createdAtMs } = object.metadata;
  return { source: keyOf(object), name, namespace, createdAtMs, origin: object.origin };
}

/** `spec` of an object, and where its findings go. */
export function readSpec(object: KubernetesObject): { readonly spec: FieldReader; readonly findings: Findings } {
  const findings = new Findings(object);
  const body = new FieldReader(object.body, '', findings);
  const spec = body.object('spec') ?? new FieldReader({}, 'spec', findings);
  body.ignore('status');
  body.end();
  return { spec, findings };
}

export interface HostOptions {
  readonly namespace: string;
  readonly domain: string;
  readonly wildcard: 'allowed' | 'refused';
}

/** A name without a dot is that of a service in the object's own namespace; any other is complete. */
export function resolveHost(text: string, field: string, findings: Findings, options: HostOptions): Hostname {
  const host = readFullHost(text, field, findings);
  const isWildcard = text.startsWith('*');
  if (isWildcard && options.wildcard === 'refused' && isHost(text)) {
    findings.error('invalid-host', field, `${show(text)} is a pattern where one host is needed: name the host`);
  }
  return isWildcard || text.includes('.') ? host : serviceHostname(text, options.namespace, options.domain);
}

/** A name or a pattern that is complete as it stands. */
export function readFullHost(text: string, field: string, findings: Findings): Hostname {
  if (!isHost(text)) findings.error('invalid-host', field, `${show(text)} is not a host name: correct it`);
  return hostname(text);
}

function isHost(text: string): boolean {
  const part = '[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?';
  return new RegExp(`^(\\*|(\\*\\.)?${part}(\\.${part})*)$`).test(text) && text.length <= 253;
}
