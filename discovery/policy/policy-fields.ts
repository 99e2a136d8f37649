// What the configuration kinds have in common: the object they came from, host names, durations.

import { FieldReader, show } from '../convert/field-reader.ts';
import { Findings } from '../convert/findings.ts';
import { keyOf, type KubernetesObject } from '../model/kubernetes-object.ts';
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
}

export function policyOrigin(object: KubernetesObject): PolicyOrigin {
  const { name, namespace, createdAtMs } = object.metadata;
  return { source: keyOf(object), name, namespace, createdAtMs };
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
  const part = '[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?';
  const isWildcard = text.startsWith('*');
  if (!new RegExp(`^(\\*|(\\*\\.)?${part}(\\.${part})*)$`).test(text) || text.length > 253) {
    findings.error('invalid-host', field, `${show(text)} is not a host name: correct it`);
  } else if (isWildcard && options.wildcard === 'refused') {
    findings.error('invalid-host', field, `${show(text)} is a pattern where one host is needed: name the host`);
  }
  const isComplete = isWildcard || text.includes('.');
  return isComplete ? hostname(text) : serviceHostname(text, options.namespace, options.domain);
}

const unitMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 0.000_001,
};

/** Milliseconds of `5s`, `1.5s`, `1m30s`; undefined when absent or, after reporting, when not a duration of at least `minMs`. */
export function readDuration(reader: FieldReader, name: string, minMs: number): number | undefined {
  const text = reader.string(name);
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= minMs) return ms;
  const wanted = ms === undefined ? 'a duration such as "5s" or "1.5s"' : `at least ${minMs} ms`;
  reader.findings.error('invalid-duration', reader.at(name), `${show(text)} is not ${wanted}: correct it`);
  return undefined;
}

export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(h|ms|m|s|us|µs|ns))+$/.test(text)) return text === '0' ? 0 : undefined;
  let total = 0;
  for (const [, number = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)) {
    total += Number(number) * (unitMs[unit] ?? 0);
  }
  return Math.round(total);
}

/** One of a closed set of words; undefined when absent or, after reporting, when it is another. */
export function readChoice<T>(reader: FieldReader, name: string, choices: Readonly<Record<string, T>>): T | undefined {
  const text = reader.string(name);
  if (text === undefined) return undefined;
  const known = Object.entries(choices).find(([word]) => word === text);
  if (known !== undefined) return known[1];
  const words = Object.keys(choices).join(', ');
  reader.findings.error('invalid-value', reader.at(name), `${show(text)} is not one of ${words}: correct it`);
  return undefined;
}
