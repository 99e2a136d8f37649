// The cluster that a destination of a route means, and what is wrong when there is none.

import type { Destination, TrafficPolicy } from '../../discovery/model/policy.ts';
import type { OutboundView } from '../view/outbound-view.ts';
import { outboundClusterName } from './names.ts';
import { trafficPolicyOf } from './traffic-policy.ts';

export interface ResolvedDestination {
  readonly cluster: string;
  /** How its endpoints are talked to; absent when there is no such cluster. */
  readonly policy?: TrafficPolicy | undefined;
  /** Why Envoy does not have the cluster: a sentence up to what happens because of it, and what to do. */
  readonly problem?: { readonly what: string; readonly remedy: string } | undefined;
}

/** The port is the declared one, else the only one of the service, else the one that the request came to. */
export function resolveDestination(
  view: OutboundView,
  { host, subset = '', port }: Destination,
  requestPort: number,
): ResolvedDestination {
  const service = view.service(host);
  const ports = service?.ports ?? [];
  const onlyPort = ports.length === 1 ? ports[0]?.port : undefined;
  const chosen = port ?? onlyPort ?? requestPort;
  const cluster = outboundClusterName({ host, port: chosen, subset });
  if (service === undefined) {
    const what = `No service ${host} is visible here`;
    return { cluster, problem: { what, remedy: 'check the name and its exportTo' } };
  }
  if (view.scope.type === 'router' && service.entry?.resolution === 'none') {
    const what = `${host} has resolution NONE, which leads to where a connection was going, and that is the gateway itself`;
    return { cluster, problem: { what, remedy: 'give its ServiceEntry resolution DNS, or STATIC with endpoints' } };
  }
  if (!ports.some((candidate) => candidate.port === chosen)) {
    return {
      cluster,
      problem: { what: `Service ${host} has no port ${chosen}`, remedy: 'name one of its ports' },
    };
  }
  const rule = view.destinationRule(host);
  const declared = rule?.subsets.find(({ name }) => name === subset);
  if (subset !== '' && declared === undefined) {
    const remedy = 'declare it in a DestinationRule for the host';
    return { cluster, problem: { what: `Host ${host} has no subset ${subset}`, remedy } };
  }
  return { cluster, policy: trafficPolicyOf(rule, chosen, declared) };
}

/** `consequence`: what happens to requests, as `its requests are answered with 503`. */
export function destinationMessage(
  { what, remedy }: NonNullable<ResolvedDestination['problem']>,
  consequence: string,
): string {
  return `${what}, so ${consequence}; ${remedy}.`;
}
