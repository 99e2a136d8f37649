// Gives the source of a cluster a memory under `--state-dir`, so that an instance serves what it last knew from the first moment.

import path from 'node:path';
import { systemClock } from '../ca/clock.ts';
import type { ClusterId } from '../discovery/model/names.ts';
import type { Source } from '../discovery/model/source-event.ts';
import { RememberedSource } from '../discovery/source/remembered/remembered-source.ts';
import { LaterSnapshotFile } from '../discovery/source/remembered/later-snapshot-file.ts';
import { rememberedClusters, SnapshotFile } from '../discovery/source/remembered/snapshot-file.ts';

export interface MemoryOptions {
  readonly clusterId: ClusterId;
  /** Undefined: nothing is remembered, and the source stays as it is. */
  readonly stateDir: string | undefined;
  /** Another source keeps the file of the cluster until `takeOver` is called. */
  readonly isLater?: boolean | undefined;
}

export interface Memory {
  readonly source: Source;
  takeOver(): void;
}

/** The source with a memory of its cluster. */
export function withMemory(source: Source, { clusterId, stateDir, isLater = false }: MemoryOptions): Memory {
  if (stateDir === undefined) return { source, takeOver: () => undefined };
  const options = { directory: folderOf(stateDir), clusterId, scope: source.scope };
  const later = isLater ? new LaterSnapshotFile(options) : undefined;
  const file = later ?? new SnapshotFile(options);
  return {
    source: new RememberedSource({ source, file, clock: systemClock }),
    takeOver: () => later?.takeOver(),
  };
}

/** The remote clusters that an earlier process may have remembered: all but the primary. */
export async function rememberedRemotes(stateDir: string | undefined, primary: ClusterId): Promise<ClusterId[]> {
  if (stateDir === undefined) return [];
  return (await rememberedClusters(folderOf(stateDir))).filter((clusterId) => clusterId !== primary);
}

/** A cluster that was removed is not to come back with the next start. Rejects when the file can't be removed. */
export async function forgetRemote(stateDir: string | undefined, clusterId: ClusterId): Promise<void> {
  if (stateDir === undefined) return;
  await new SnapshotFile({ directory: folderOf(stateDir), clusterId, scope: 'discovery-only' }).remove();
}

function folderOf(stateDir: string): string {
  return path.join(stateDir, 'clusters');
}
