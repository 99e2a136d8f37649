// Keeps the roots in our webhook configurations current, while this replica leads: when a configuration appears, when somebody else
// writes its `caBundle`, and when the authority changes.

import { EventEmitter } from 'node:events';
import type { Issuer } from '../../ca/issuer.ts';
import type { Log } from '../log.ts';
import { keepApplied } from './keep-applied.ts';
import type { PrimaryClient } from './primary-client.ts';
import { dueWebhookBundles, webhookGroup, type WebhookConfiguration } from './webhook-bundles.ts';

export interface PublishWebhookBundlesOptions {
  readonly client: PrimaryClient;
  readonly issuer: Pick<Issuer, 'material' | 'changes'>;
  readonly configurations: readonly WebhookConfiguration[];
  readonly log: Log;
  /** Numbers from 0 up to 1. */
  readonly random: () => number;
}

/** Until the signal aborts. */
export async function publishWebhookBundles(options: PublishWebhookBundlesOptions, signal: AbortSignal): Promise<void> {
  const { client, issuer, configurations, log, random } = options;
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
        followed: configurations.map((one) => ({ ...one, group: webhookGroup })),
        due: (objects) => dueWebhookBundles(objects, configurations, issuer.material.rootsPem),
      },
      signal,
    );
  } finally {
    issuer.changes.off('replaced', onReplaced);
  }
}
