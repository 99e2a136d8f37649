// A traffic policy of a DestinationRule, of one of its subsets or of one port. In: its mapping. Out: the policy, and by port.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#TrafficPolicy

import { readChoice } from '../convert/choice.ts';
import type { FieldReader } from '../convert/field-reader.ts';
import type { RetryBudget, TrafficPolicy, Tunnel } from '../model/policy.ts';
import { readClientTls } from './client-tls.ts';
import { readConnectionPool } from './connection-pool.ts';
import { readLoadBalancer } from './load-balancer.ts';
import { readNumber } from './number.ts';
import { readOutlierDetection } from './outlier-detection.ts';

export interface TrafficPolicies {
  readonly trafficPolicy: TrafficPolicy;
  readonly portPolicies: ReadonlyMap<number, TrafficPolicy>;
}

/** The policy and those of its `portLevelSettings`. */
export function readTrafficPolicies(reader: FieldReader | undefined): TrafficPolicies {
  if (reader === undefined) return { trafficPolicy: {}, portPolicies: new Map() };
  const portPolicies = new Map<number, TrafficPolicy>();
  for (const entry of reader.objects('portLevelSettings')) {
    const number = readPortNumber(entry);
    const policy = readTrafficPolicy(entry);
    if (number === undefined) continue;
    if (portPolicies.has(number)) {
      const message = `two entries are for port ${number}: keep one`;
      entry.findings.error('duplicate-port', `${entry.at('port')}.number`, message);
    }
    portPolicies.set(number, policy);
  }
  return { trafficPolicy: readTrafficPolicy(reader), portPolicies };
}

function readPortNumber(entry: FieldReader): number | undefined {
  const port = entry.object('port');
  const number = port?.port('number');
  port?.end();
  if (port === undefined || !port.has('number')) {
    const field = `${entry.at('port')}.number`;
    entry.findings.error('missing-field', field, `${field} is missing: add it`);
  }
  return number;
}

function readTrafficPolicy(reader: FieldReader): TrafficPolicy {
  if (reader.has('proxyProtocol')) {
    const field = reader.at('proxyProtocol');
    const message = `${field} is not supported: endpoints are not told the client's address on the connection; remove it`;
    reader.findings.error('unsupported-field', field, message);
  }
  const policy = {
    ...part('loadBalancer', reader, readLoadBalancer),
    ...part('connectionPool', reader, readConnectionPool),
    ...part('outlierDetection', reader, readOutlierDetection),
    ...part('tls', reader, readClientTls),
    ...part('retryBudget', reader, readRetryBudget),
    ...part('tunnel', reader, readTunnel),
  };
  reader.end();
  return policy;
}

function part<N extends string, T>(
  name: N,
  reader: FieldReader,
  read: (reader: FieldReader) => T,
): { readonly [K in N]?: T } {
  const field = reader.object(name);
  const parts: { [K in N]?: T } = {};
  if (field !== undefined) parts[name] = read(field);
  return parts;
}

function readRetryBudget(reader: FieldReader): RetryBudget {
  const percent = readNumber(reader, 'percent', { min: 0, max: 100 });
  const minConcurrency = reader.integer('minRetryConcurrency', 0, 4_294_967_295);
  // Envoy's API as it is packaged has no such field.
  reader.refuse('budgetInterval');
  reader.end();
  return {
    ...(percent === undefined ? {} : { percent }),
    ...(minConcurrency === undefined ? {} : { minConcurrency }),
  };
}

function readTunnel(reader: FieldReader): Tunnel {
  const method = readChoice(reader, 'protocol', { CONNECT: 'connect', POST: 'post' } as const) ?? 'connect';
  const targetHost = reader.requiredString('targetHost');
  const targetPort = reader.port('targetPort') ?? 0;
  if (!reader.has('targetPort')) reader.missing('targetPort');
  reader.end();
  return { method, targetHost, targetPort };
}
