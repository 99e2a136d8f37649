// What a change is counted as when it leads to pushes: the most far-reaching thing in it.

import type { ChangeSet } from '../../discovery/model/change-set.ts';

export function pushTrigger(change: ChangeSet): 'config' | 'service' | 'networks' | 'endpoint' | 'proxy' {
  if (change.everything || change.policies.size > 0) return 'config';
  if (change.services.size > 0) return 'service';
  if (change.gateways) return 'networks';
  return change.endpoints.size > 0 ? 'endpoint' : 'proxy';
}
