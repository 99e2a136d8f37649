// When and how often requests are tried again, of an HTTP route or of all.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRetry

import type { RetryPolicy } from '../model/policy.ts';
import { readDuration } from './duration.ts';
import { show, type FieldReader } from './field-reader.ts';

const retryConditions: ReadonlySet<string> = new Set([
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
]);

export function readRetries(reader: FieldReader | undefined): RetryPolicy | undefined {
  if (reader === undefined) return undefined;
  const attempts = reader.integer('attempts', 0, 1_000) ?? 0;
  const perTryTimeoutMs = readDuration(reader, 'perTryTimeout', 1);
  const backoffMs = readDuration(reader, 'backoff', 1);
  const remoteLocalities = reader.boolean('retryRemoteLocalities');
  const ignorePreviousHosts = reader.boolean('retryIgnorePreviousHosts');
  const retryOn = (reader.string('retryOn') ?? '').split(',').map((word) => word.trim());
  const conditions = retryOn.filter((word) => word !== '');
  for (const word of conditions) {
    if (retryConditions.has(word) || /^[1-5]\d\d$/.test(word)) continue;
    const message = `${show(word)} is neither a retry condition of Envoy nor a status code: correct it`;
    reader.findings.error('invalid-value', reader.at('retryOn'), message);
  }
  reader.end();
  return {
    attempts,
    ...(perTryTimeoutMs === undefined ? {} : { perTryTimeoutMs }),
    retryOn: conditions.join(','),
    ...(backoffMs === undefined ? {} : { backoffMs }),
    ...(remoteLocalities === undefined ? {} : { remoteLocalities }),
    ...(ignorePreviousHosts === undefined ? {} : { ignorePreviousHosts }),
  };
}
