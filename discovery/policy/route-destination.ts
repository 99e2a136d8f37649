// Where a route sends: destinations with weights, and the single destination of a mirror.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#RouteDestination

import type { FieldReader } from '../convert/field-reader.ts';
import type { Destination, WeightedDestination } from '../model/policy.ts';
import { readHeaderOperations } from './route-headers.ts';
import { resolveHost } from './policy-fields.ts';

export interface RouteContext {
  readonly namespace: string;
  /** DNS domain of services, to complete short host names. */
  readonly domain: string;
}

/** Field `route`. `headers` of a destination exist for HTTP alone. */
export function readDestinations(
  reader: FieldReader,
  context: RouteContext,
  layer: 'http' | 'connection',
): readonly WeightedDestination[] {
  const routes = reader.objects('route');
  const single = routes.length === 1;
  const destinations = routes.flatMap((route) => {
    const destination = readDestination(route, context);
    const weight = route.integer('weight', 0, 4_294_967_295) ?? (single ? 100 : 0);
    const headers = layer === 'http' ? readHeaderOperations(route) : undefined;
    route.end();
    return destination === undefined ? [] : [{ destination, weight, ...(headers === undefined ? {} : { headers }) }];
  });
  const total = destinations.reduce((sum, { weight }) => sum + weight, 0);
  if (destinations.length > 0 && total === 0) {
    const message = `all weights of ${reader.at('route')} are 0, so no destination would be used: give one a weight`;
    reader.findings.error('invalid-weight', reader.at('route'), message);
  } else if (total > 4_294_967_295) {
    const message = `the weights of ${reader.at('route')} add up to ${total}, more than 4294967295: make them smaller`;
    reader.findings.error('invalid-weight', reader.at('route'), message);
  }
  // A single destination gets everything, whatever its weight says.
  const [only] = destinations;
  return single && only !== undefined ? [{ ...only, weight: 100 }] : destinations;
}

/** Field `destination` of a weighted destination or of one of `mirrors`. */
export function readDestination(parent: FieldReader, context: RouteContext): Destination | undefined {
  const target = parent.object('destination');
  if (target !== undefined) return readTarget(target, context);
  if (!parent.has('destination')) parent.missing('destination');
  return undefined;
}

/** Host, port and subset; undefined when the host was reported. */
export function readTarget(target: FieldReader, context: RouteContext): Destination | undefined {
  const host = target.requiredString('host');
  const port = readPort(target);
  const subset = target.string('subset');
  target.end();
  if (host === '') return undefined;
  const options = { ...context, wildcard: 'refused' } as const;
  return {
    host: resolveHost(host, target.at('host'), target.findings, options),
    ...(subset === undefined || subset === '' ? {} : { subset }),
    ...(port === undefined ? {} : { port }),
  };
}

function readPort(target: FieldReader): number | undefined {
  const reader = target.object('port');
  const port = reader?.port('number');
  if (reader !== undefined && !reader.has('number')) reader.missing('number');
  reader?.end();
  return port;
}
