// Publishes the roots of the mesh in the primary: to its workloads in ConfigMaps, to other instances by their fingerprints. Written
// when a namespace appears, when the roots change, and when somebody deletes or alters what was written; else nothing is.

import { EventEmitter } from 'node:events';
import type { Issuer } from '../../ca/issuer.ts';
import type { Log } from '../log.ts';
import { keepApplied } from './keep-applied.ts';
import type { PrimaryClient } from './primary-client.ts';
import { dueRootConfigMaps, rootConfigMap } from './root-config-maps.ts';
import { dueRootFingerprints } from './root-fingerprints.ts';

export interface PublishRootsOptions {
  readonly client: PrimaryClient;
  readonly issuer: Pick<Issuer, 'material' | 'changes'>;
  readonly log: Log;
  /** Numbers from 0 up to 1. */
  readonly random: () => number;
}

/** Until the signal aborts. */
export async function publishRoots(options: PublishRootsOptions, signal: AbortSignal): Promise<void> {
  const { client, issuer, log, random } = options;
  const changes = new EventEmitter<{ changed: [] }>();
  const onReplaced = (): void => void changes.emit('changed');
  issuer.changes.on('replaced', onReplaced);
  try {
    await keepApplied(
      {
        client,
        changes,
        log,
        random,
        followed: [
          { kind: 'Namespace', plural: 'namespaces' },
          { kind: 'ConfigMap', plural: 'configmaps', name: rootConfigMap },
        ],
        due: (objects) => {
          const { rootsPem, rootFingerprints } = issuer.material;
          return [
            ...dueRootFingerprints(objects, client.systemNamespace, rootFingerprints),
            ...dueRootConfigMaps(objects, rootsPem),
          ];
        },
      },
      signal,
    );
  } finally {
    issuer.changes.off('replaced', onReplaced);
  }
}
