// The access log of a listener itself: one line for each connection that no filter chain takes, such as plain text where only mutual
// TLS is let in. It has the flag NR and says `filter_chain_not_found`.

import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { AccessLog, AccessLogFilter } from '../../proto/generated/envoy.config.accesslog.v3.ts';
import { accessLogs } from './access-log.ts';

const unmatched: AccessLogFilter = Object.freeze({ responseFlagFilter: { flags: ['NR'] } });

/** Where accesses are logged anyhow. */
export function unmatchedLogs(config: MeshConfig): readonly AccessLog[] {
  if (config.disableListenerLog === true) return [];
  return accessLogs(config, 'connections').map((log) => ({
    ...log,
    filter: log.filter === undefined ? unmatched : { andFilter: { filters: [unmatched, log.filter] } },
  }));
}
