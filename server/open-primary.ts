// The side of an instance that talks to its primary's API server as more than a reader: token reviews, and what the leading
// replica writes. There is none where the primary is a directory, and never one for a remote.

import type { TokenReview } from '../ca/authenticate-token.ts';
import { systemClock } from '../ca/clock.ts';
import type { Issuer } from '../ca/issuer.ts';
import { rememberDefaults, rememberTokenOwners } from '../ca/remember-token-owners.ts';
import type { ServeConfig } from './config.ts';
import { PrimaryClient } from './kube/primary-client.ts';
import { PrimaryKubeConfig } from './kube/primary-kube-config.ts';
import { primaryWriters, type PrimaryWriter } from './kube/primary-writers.ts';
import { publishRoots } from './kube/publish-roots.ts';
import { publishWebhookBundles } from './kube/publish-webhook-bundles.ts';
import { reviewTokens } from './kube/review-token.ts';
import { webhookConfigurations } from './kube/webhook-bundles.ts';
import type { Started } from './lifecycle.ts';
import type { Log } from './log.ts';
import type { PrimaryMetrics } from './primary-metrics.ts';

/** Undefined when the primary is a directory: nothing is written then, and nobody is asked about tokens. */
export function openPrimary(config: ServeConfig, started: Started): PrimaryClient | undefined {
  const primary = PrimaryKubeConfig.of(config);
  if (primary === undefined) return undefined;
  const client = new PrimaryClient({ config: primary, clock: systemClock });
  started.add('connections to the primary', () => client.close());
  return client;
}

/** Asks the API server, and remembers its answers for a short time. */
export function tokenReviewer(client: PrimaryClient, metrics: PrimaryMetrics, started: Started): TokenReview {
  const stop = new AbortController();
  started.add('token reviews', () => stop.abort());
  const review = metrics.counted(reviewTokens(client, stop.signal));
  const onOverload = (): void => metrics.overloaded();
  return rememberTokenOwners({ ...rememberDefaults, review, onOverload, clock: systemClock });
}

export interface RunWritersOptions {
  readonly config: ServeConfig;
  readonly client: PrimaryClient;
  readonly issuer: Issuer;
  readonly metrics: PrimaryMetrics;
  /** Others that run while this replica leads. */
  readonly others: readonly PrimaryWriter[];
  readonly log: Log;
  readonly started: Started;
}

/** Publishes the roots in the primary while this replica leads: for workloads, for other instances and for calls of its webhooks. */
export function runWriters({ config, client, issuer, metrics, others, log, started }: RunWritersOptions): void {
  const stop = new AbortController();
  const roots = (signal: AbortSignal): Promise<void> =>
    publishRoots({ client, issuer, log, random: Math.random }, signal);
  const { revision = 'default', systemNamespace, revisionTags: tags } = config;
  const configurations = webhookConfigurations({ revision, systemNamespace, tags });
  const bundles = (signal: AbortSignal): Promise<void> =>
    publishWebhookBundles({ client, issuer, configurations, log, random: Math.random }, signal);
  const writers = [roots, ...(config.ports.webhook === 0 ? [] : [bundles]), ...others];
  const election = primaryWriters({ client, writers, log });
  metrics.leader(() => election.leading);
  const stopped = election.run(stop.signal);
  started.add('leader election', async () => {
    stop.abort();
    await stopped;
  });
}
