// What tests of the injection need: an instance's facts, settings as a ConfigMap would make them, and pods.

import { InjectError } from '../../server/inject/inject-error.ts';
import type { InjectionSettings, InstanceFacts } from '../../server/inject/injection-settings.ts';
import { settingsOfTexts } from '../../server/inject/injection-state.ts';
import type { Mapping } from '../../server/inject/json-value.ts';

export const instanceFacts: InstanceFacts = {
  revision: 'default',
  systemNamespace: 'istio-system',
  clusterId: 'cluster-1',
  network: 'network-1',
  trustDomain: 'cluster.local',
  domain: 'cluster.local',
  canBeNative: true,
};

export interface SettingsParts {
  readonly instance?: Partial<InstanceFacts> | undefined;
  readonly config?: Mapping | undefined;
  readonly values?: Mapping | undefined;
  readonly mesh?: Mapping | undefined;
}

/** Throws when they can't be obeyed. */
export function injectionSettings({ instance, config, values, mesh }: SettingsParts = {}): InjectionSettings {
  const settings = settingsOfTexts(
    { ...instanceFacts, ...instance },
    { config: JSON.stringify(config ?? {}), values: JSON.stringify(values ?? {}), mesh: JSON.stringify(mesh ?? {}) },
  );
  if (settings instanceof InjectError) throw settings;
  return settings;
}

export interface PodParts {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: Mapping;
}

export function podOf({ labels = {}, annotations = {}, spec = {} }: PodParts = {}): Mapping {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'sample', labels: { app: 'web', ...labels }, annotations },
    spec: { serviceAccountName: 'default', containers: [{ name: 'web', image: 'registry.example/web:1' }], ...spec },
  };
}
