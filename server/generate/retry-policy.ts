// Retries of requests, with Istio's default: twice more, elsewhere, and only where the request can't have been served.

import type { RetryPolicy as DeclaredRetries } from '../../discovery/model/policy.ts';
import type { RetryPolicy, RetryPolicy_RetryPriority } from '../../proto/generated/envoy.config.route.v3.ts';
import { PreviousHostsPredicate } from '../../proto/generated/envoy.extensions.retry.host.previous_hosts.v3.ts';
import { PreviousPrioritiesConfig } from '../../proto/generated/envoy.extensions.retry.priority.previous_priorities.v3.ts';
import { packAny } from '../../proto/codec.ts';
import { notServed } from './not-served.ts';
import { duration, uint32 } from './well-known-types.ts';

const defaultConditions = 'connect-failure,refused-stream,unavailable,cancelled,reset-before-request,retriable-headers';
const defaultAttempts = 2;

/**
 * Undefined when retries are declared off (`attempts: 0`). Where the endpoint is chosen by a hash, declared retries keep to it unless they
 * say otherwise, as in Istio; the default ones, which repeat only what nobody served, look for another even then.
 */
export function retryPolicy(
  declared: DeclaredRetries | undefined,
  { isHashed }: { readonly isHashed: boolean },
): RetryPolicy | undefined {
  if (declared?.attempts === 0) return undefined;
  const { conditions, statusCodes } = splitRetryOn(declared?.retryOn ?? '');
  return {
    retryOn: conditions,
    retriableStatusCodes: statusCodes,
    ...(conditions.includes('retriable-headers') ? { retriableHeaders: notServed } : {}),
    numRetries: uint32(declared?.attempts ?? defaultAttempts),
    ...(declared?.perTryTimeoutMs === undefined ? {} : { perTryTimeout: duration(declared.perTryTimeoutMs) }),
    ...(declared?.backoffMs === undefined ? {} : { retryBackOff: { baseInterval: duration(declared.backoffMs) } }),
    ...((declared?.ignorePreviousHosts ?? !(isHashed && declared !== undefined)) ? otherHosts() : {}),
    ...(declared?.remoteLocalities === true ? { retryPriority: otherPriorities() } : {}),
  };
}

function otherHosts(): Pick<RetryPolicy, 'retryHostPredicate' | 'hostSelectionRetryMaxAttempts'> {
  const typedConfig = packAny(PreviousHostsPredicate, {});
  return {
    retryHostPredicate: [{ name: 'envoy.retry_host_predicates.previous_hosts', typedConfig }],
    hostSelectionRetryMaxAttempts: 5,
  };
}

/** After two attempts the priorities that were tried are left out, as in Istio. */
function otherPriorities(): RetryPolicy_RetryPriority {
  const typedConfig = packAny(PreviousPrioritiesConfig, { updateFrequency: 2 });
  return { name: 'envoy.retry_priorities.previous_priorities', typedConfig };
}

// Istio allows status codes among the conditions; Envoy wants them in a list of their own.
function splitRetryOn(declared: string): { conditions: string; statusCodes: readonly number[] } {
  const parts = (declared === '' ? defaultConditions : declared).split(',').map((part) => part.trim());
  const statusCodes = parts.filter((part) => /^[1-5]\d\d$/.test(part)).map(Number);
  const conditions = parts.filter((part) => part !== '' && !/^\d+$/.test(part));
  if (statusCodes.length > 0 && !conditions.includes('retriable-status-codes')) {
    conditions.push('retriable-status-codes');
  }
  return { conditions: conditions.join(','), statusCodes };
}
