// A request that a sidecar could not hand to its application was served by nobody. The sidecar marks such an answer of its own, so that the
// caller's proxy, which only sees a 503, knows that it may ask another one: an application that ends refuses connections before its
// endpoint is gone everywhere.

import type { HeaderMatcher } from '../../proto/generated/envoy.config.route.v3.ts';
import type { LocalReplyConfig } from '../../proto/generated/envoy.extensions.filters.network.http_connection_manager.v3.ts';

const header = 'x-isthmus-not-served';

/** For what a sidecar receives. UF: the connection to the application was not made. */
export const marksNotServed: LocalReplyConfig = {
  mappers: [
    {
      filter: { responseFlagFilter: { flags: ['UF'] } },
      headersToAdd: [{ header: { key: header, value: 'true' } }],
    },
  ],
};

/** For retries with the condition `retriable-headers`. */
export const notServed: readonly HeaderMatcher[] = [{ name: header, presentMatch: true }];
