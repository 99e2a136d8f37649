// Gives the source of a cluster a memory under `--state-dir`, so that an instance serves what it last knew from the first moment.

import path from 'node:path';
import { systemClock } from '../ca/clock.ts';
import type { ClusterId } from '../discovery/model/names.ts';
import type { Source } from '../discovery/model/source-event.ts';
import { RememberedSource } from '../discovery/source/remembered/remembered-source.ts';
import { SnapshotFile } from '../discovery/source/remembered/snapshot-file.ts';

/**
 * The source as it is without a state directory. A later generation of a cluster (new credentials beside the old ones) is not
 * to be wrapped before it replaces the earlier one: two would write one file.
 */
export function remembered(source: Source, clusterId: ClusterId, stateDir: string | undefined): Source {
  if (stateDir === undefined) return source;
  const file = new SnapshotFile({ directory: path.join(stateDir, 'clusters'), clusterId, scope: source.scope });
  return new RememberedSource({ source, file, clock: systemClock });
}
