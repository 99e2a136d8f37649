// Where a client is, as localities and labels of the topology are compared.

import { label } from '../../discovery/convert/well-known.ts';
import { unknownLocality } from '../../discovery/model/locality.ts';
import { topologyLabel, type ClientPlace } from './client-preference.ts';
import type { OutboundScope } from './scope.ts';

export function clientPlaceOf({ clusterId, network, locality = unknownLocality, labels }: OutboundScope): ClientPlace {
  const where = Object.values(label).flatMap((name) => {
    const value = topologyLabel(name, { clusterId, network, locality });
    return value === undefined ? [] : [[name, value] as const];
  });
  return { locality, labels: Object.fromEntries([...labels, ...where]) };
}
