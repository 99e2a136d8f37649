// The ConfigMaps that say how pods are injected: `istio-sidecar-injector`, or with the revision at its end, and `istio`, the mesh
// configuration. Told whenever one of them changes.

import { objectKey } from '../../discovery/model/names.ts';
import type { Log } from '../log.ts';
import { followObjects } from './followed-objects.ts';
import { textOf } from './kube-object.ts';
import type { PrimaryClient } from './primary-client.ts';

export interface FollowInjectionOptions {
  readonly client: PrimaryClient;
  readonly revision: string | undefined;
  readonly log: Log;
  /** YAML or JSON; undefined for what is not there. */
  readonly onChange: (texts: {
    readonly config: string | undefined;
    readonly values: string | undefined;
    readonly mesh: string | undefined;
  }) => void;
}

const meshConfigMap = 'istio';

/** Until the signal aborts. */
export async function followInjectionTexts(options: FollowInjectionOptions, signal: AbortSignal): Promise<void> {
  const { client, revision, log, onChange } = options;
  const name = injectorConfigMap(revision);
  const namespace = client.systemNamespace;
  const configMap = { kind: 'ConfigMap', plural: 'configmaps', namespace };
  await followObjects(
    {
      client,
      clock: client.clock,
      followed: [name, meshConfigMap].map((each) => ({ ...configMap, name: each })),
      onTrouble: (reason) => {
        if (reason !== undefined) log.warn({ reason }, 'the settings of the injection are not followed at present');
      },
      onChange: (objects) => {
        const dataOf = (of: string): unknown => objects.get(objectKey('ConfigMap', namespace, of))?.body['data'];
        const injector = dataOf(name);
        onChange({
          config: textOf(injector, 'config'),
          values: textOf(injector, 'values'),
          mesh: textOf(dataOf(meshConfigMap), 'mesh'),
        });
      },
    },
    signal,
  );
}

/** As Istio names it. */
export function injectorConfigMap(revision: string | undefined): string {
  return `istio-sidecar-injector${revision === undefined || revision === 'default' ? '' : `-${revision}`}`;
}
