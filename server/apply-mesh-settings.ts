// Keeps an instance at the mesh settings that hold: those of `--mesh-config` when it is given, else of ConfigMap `istio` of the primary. In:
// the settings that it was started with. Out: the mesh and all registries told of others.

import { systemClock } from '../ca/clock.ts';
import type { MeshStore } from '../discovery/mesh/mesh-store.ts';
import type { MeshSettings } from '../discovery/model/mesh-config.ts';
import type { ClusterRegistry } from '../discovery/registry/cluster-registry.ts';
import type { Clusters } from './clusters.ts';
import type { ServeConfig } from './config.ts';
import type { Started } from './lifecycle.ts';
import type { Log } from './log.ts';
import { followMeshSettings } from './mesh-config-file.ts';

export interface ApplyMeshSettingsOptions {
  readonly config: ServeConfig;
  readonly startSettings: MeshSettings;
  readonly store: MeshStore;
  readonly clusters: Clusters;
  readonly log: Log;
  readonly started: Started;
}

export function applyMeshSettings({
  config,
  startSettings,
  store,
  clusters,
  log,
  started,
}: ApplyMeshSettingsOptions): void {
  const apply = (settings: MeshSettings): void => {
    // Certificates carry the trust domain that the instance was started with.
    store.updateConfig({ ...settings.config, trustDomain: startSettings.config.trustDomain });
    store.updateNetworks(settings.meshNetworks);
    clusters.primary.updateNetworks(settings.meshNetworks);
    clusters.remotes.updateNetworks(settings.meshNetworks);
  };
  if (config.meshConfigFile === undefined) {
    followDeclaredSettings(clusters.primary, (declared) => apply(declared ?? startSettings));
    return;
  }
  const stop = new AbortController();
  const followed = followMeshSettings({ config, clock: systemClock, log, onChange: apply }, stop.signal);
  started.add('mesh configuration', async () => {
    stop.abort();
    await followed;
  });
}

/** ConfigMap `istio` of the primary; undefined once it is gone. */
function followDeclaredSettings(
  primary: ClusterRegistry,
  onChange: (declared: MeshSettings | undefined) => void,
): void {
  let known: MeshSettings | undefined;
  primary.onChange(() => {
    const declared = primary.snapshot.meshSettings;
    if (declared === known) return;
    known = declared;
    onChange(declared);
  });
}
