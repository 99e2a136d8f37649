// What a route asks of HTTP filters: faults to inject, and which origins may read the answer. The filters themselves do
// nothing where no route asks.

import type { CorsPolicy, Fault, HttpRoute } from '../../discovery/model/policy.ts';
import type { Route } from '../../proto/generated/envoy.config.route.v3.ts';
import type { FaultDelay } from '../../proto/generated/envoy.extensions.filters.common.fault.v3.ts';
import { Cors, CorsPolicy as EnvoyCorsPolicy } from '../../proto/generated/envoy.extensions.filters.http.cors.v3.ts';
import { HTTPFault, type FaultAbort } from '../../proto/generated/envoy.extensions.filters.http.fault.v3.ts';
import type { HttpFilter } from '../../proto/generated/envoy.extensions.filters.network.http_connection_manager.v3.ts';
import { packAny } from '../../proto/codec.ts';
import { fractionalPercent } from './fractional-percent.ts';
import { stringMatcher } from './string-matcher.ts';
import { duration, isFalse, isTrue } from './well-known-types.ts';

const corsFilter = 'envoy.filters.http.cors';
const faultFilter = 'envoy.filters.http.fault';

/** For requests that leave through a route. CORS first, so that a browser may see a fault's status as well. */
export function routeFilters(): readonly HttpFilter[] {
  return [
    { name: corsFilter, typedConfig: packAny(Cors, {}) },
    { name: faultFilter, typedConfig: packAny(HTTPFault, {}) },
  ];
}

export function perFilterConfig({ fault, cors }: HttpRoute): Pick<Route, 'typedPerFilterConfig'> {
  const configs = {
    ...(cors === undefined ? {} : { [corsFilter]: packAny(EnvoyCorsPolicy, corsPolicy(cors)) }),
    ...(fault === undefined ? {} : { [faultFilter]: packAny(HTTPFault, faultInjection(fault)) }),
  };
  return Object.keys(configs).length === 0 ? {} : { typedPerFilterConfig: configs };
}

function faultInjection({ delay, abort }: Fault): HTTPFault {
  const envoyDelay: FaultDelay | undefined =
    delay === undefined
      ? undefined
      : { fixedDelay: duration(delay.fixedDelayMs), percentage: fractionalPercent(delay.percent) };
  return {
    ...(envoyDelay === undefined ? {} : { delay: envoyDelay }),
    ...(abort === undefined ? {} : { abort: faultAbort(abort) }),
  };
}

function faultAbort({ percent, httpStatus, grpcStatus }: NonNullable<Fault['abort']>): FaultAbort {
  const percentage = fractionalPercent(percent);
  return grpcStatus === undefined ? { httpStatus, percentage } : { grpcStatus, percentage };
}

function corsPolicy(declared: CorsPolicy): EnvoyCorsPolicy {
  const { allowMethods, allowHeaders, exposeHeaders, maxAgeSeconds, allowCredentials, unmatchedPreflights } = declared;
  return {
    allowOriginStringMatch: declared.allowOrigins.map((origin) => stringMatcher(origin)),
    ...(allowMethods.length === 0 ? {} : { allowMethods: allowMethods.join(',') }),
    ...(allowHeaders.length === 0 ? {} : { allowHeaders: allowHeaders.join(',') }),
    ...(exposeHeaders.length === 0 ? {} : { exposeHeaders: exposeHeaders.join(',') }),
    ...(maxAgeSeconds === undefined ? {} : { maxAge: String(maxAgeSeconds) }),
    ...(allowCredentials === undefined ? {} : { allowCredentials: allowCredentials ? isTrue : isFalse }),
    ...(unmatchedPreflights === undefined
      ? {}
      : { forwardNotMatchingPreflights: unmatchedPreflights === 'forward' ? isTrue : isFalse }),
  };
}
