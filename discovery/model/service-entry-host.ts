// One host as one ServiceEntry declares it, with the endpoints that it names or selects.

import type { Endpoint } from './endpoint.ts';
import type { Origin } from './problem.ts';
import type { ClusterService } from './service.ts';

export interface ServiceEntryHost {
  readonly service: ClusterService;
  /** Sorted by address, then by ports. */
  readonly endpoints: readonly Endpoint[];
  readonly origin?: Origin | undefined;
}
