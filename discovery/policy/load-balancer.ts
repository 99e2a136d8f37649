// `loadBalancer` of a traffic policy. In: the field's mapping. Out: how endpoints are chosen.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#LoadBalancerSettings

import { readChoice } from '../convert/choice.ts';
import { readDuration } from '../convert/duration.ts';
import { show, type FieldReader } from '../convert/field-reader.ts';
import { readLocalitySettings } from '../convert/locality-settings.ts';
import type { BalancingAlgorithm, ConsistentHash, HashKey, LoadBalancer, Warmup } from '../model/policy.ts';
import { checkHeaderName, checkHeaderValue } from './header-text.ts';
import { readNumber } from './number.ts';

const algorithms: Readonly<Record<string, BalancingAlgorithm | undefined>> = {
  UNSPECIFIED: undefined,
  ROUND_ROBIN: 'round-robin',
  LEAST_REQUEST: 'least-request',
  LEAST_CONN: 'least-request',
  RANDOM: 'random',
  PASSTHROUGH: 'passthrough',
};

export function readLoadBalancer(reader: FieldReader): LoadBalancer {
  const algorithm = readChoice(reader, 'simple', algorithms);
  const consistentHash = readConsistentHash(reader);
  if (reader.has('simple') && consistentHash !== undefined) {
    reader.findings.error(
      'conflicting-fields',
      reader.path,
      `${reader.path} says both simple and consistentHash: keep one`,
    );
  }
  const warmup = readWarmup(reader);
  const takesWarmup = consistentHash === undefined && algorithm !== 'random' && algorithm !== 'passthrough';
  if (warmup !== undefined && !takesWarmup) {
    const message = `${reader.path} has a warm-up, which only ROUND_ROBIN and LEAST_REQUEST have: change simple or remove it`;
    reader.findings.error('conflicting-fields', reader.path, message);
  }
  const locality = readLocalitySettings(reader, 'localityLbSetting');
  reader.refuse('zoneAwareLbSetting');
  reader.end();
  return {
    ...(algorithm === undefined ? {} : { algorithm }),
    ...(consistentHash === undefined ? {} : { consistentHash }),
    ...(warmup === undefined ? {} : { warmup }),
    ...(locality === undefined ? {} : { locality }),
  };
}

function readConsistentHash(balancer: FieldReader): ConsistentHash | undefined {
  const reader = balancer.object('consistentHash');
  if (reader === undefined) return undefined;
  const keys = readKeys(reader);
  const table = readTable(reader);
  reader.end();
  const [key, ...others] = keys;
  if (key === undefined && !reader.findings.refused) {
    const message = `${reader.path} says nothing to hash: add httpHeaderName, httpCookie, httpQueryParameterName or useSourceIp`;
    reader.findings.error('missing-field', reader.path, message);
  }
  if (others.length > 0) {
    reader.findings.error('conflicting-fields', reader.path, `${reader.path} says several things to hash: keep one`);
  }
  return key === undefined ? undefined : { key, table };
}

function readKeys(reader: FieldReader): readonly HashKey[] {
  const keys: HashKey[] = [];
  const header = reader.string('httpHeaderName');
  if (header !== undefined) {
    checkHeaderName(header, reader.at('httpHeaderName'), reader.findings);
    keys.push({ kind: 'header', name: header });
  }
  const query = reader.string('httpQueryParameterName');
  if (query !== undefined) {
    if (query === '') reader.missing('httpQueryParameterName');
    keys.push({ kind: 'query', name: query });
  }
  if (reader.boolean('useSourceIp') === true) keys.push({ kind: 'source-ip' });
  const cookie = reader.object('httpCookie');
  if (cookie !== undefined) keys.push(readCookie(cookie));
  return keys;
}

function readCookie(reader: FieldReader): HashKey {
  const name = reader.requiredString('name');
  const path = reader.string('path');
  const ttlMs = readDuration(reader, 'ttl', 0);
  const attributes = reader.objects('attributes').map((attribute) => {
    const pair = { name: attribute.requiredString('name'), value: attribute.string('value') ?? '' };
    checkHeaderValue(pair.name + pair.value, attribute.path, attribute.findings);
    attribute.end();
    return pair;
  });
  checkHeaderValue(name + (path ?? ''), reader.path, reader.findings);
  reader.end();
  return {
    kind: 'cookie',
    name,
    attributes,
    ...(path === undefined ? {} : { path }),
    ...(ttlMs === undefined ? {} : { ttlMs }),
  };
}

// Envoy's own bounds; the table of Maglev must be a prime.
const maxRingSize = 8_388_608;
const maxTableSize = 5_000_011;

function readTable(reader: FieldReader): ConsistentHash['table'] {
  const older = reader.integer('minimumRingSize', 0, maxRingSize);
  const ring = reader.object('ringHash');
  const ringSize = ring?.integer('minimumRingSize', 0, maxRingSize) ?? older;
  ring?.end();
  const maglev = reader.object('maglev');
  if (maglev === undefined) return { kind: 'ring', ...(ringSize === undefined ? {} : { size: ringSize }) };
  const size = maglev.integer('tableSize', 2, maxTableSize);
  maglev.end();
  if (size !== undefined && !isPrime(size)) {
    const message = `${show(size)} is not a prime number, which the table needs: write one, such as 65537`;
    reader.findings.error('invalid-value', maglev.at('tableSize'), message);
  }
  if (ring !== undefined) {
    const message = `${reader.path} says both ringHash and maglev: keep one`;
    reader.findings.error('conflicting-fields', reader.path, message);
  }
  return { kind: 'maglev', ...(size === undefined ? {} : { size }) };
}

function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor += 1) if (value % divisor === 0) return false;
  return value > 1;
}

function readWarmup(reader: FieldReader): Warmup | undefined {
  const older = readDuration(reader, 'warmupDurationSecs', 1);
  const warmup = reader.object('warmup');
  if (warmup === undefined) return older === undefined ? undefined : { durationMs: older };
  if (!warmup.has('duration')) warmup.missing('duration');
  const durationMs = readDuration(warmup, 'duration', 1);
  const minimumPercent = readNumber(warmup, 'minimumPercent', { min: 0, max: 100 });
  const aggression = readNumber(warmup, 'aggression', { min: 1 });
  warmup.end();
  if (durationMs === undefined) return undefined;
  return {
    durationMs,
    ...(minimumPercent === undefined ? {} : { minimumPercent }),
    ...(aggression === undefined ? {} : { aggression }),
  };
}
