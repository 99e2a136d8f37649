// The first authority of an instance on Kubernetes: waits for the API server that has it, or begins with the copy of the last
// run. In: the primary's client. Out: an authority, never none.

import { CaError } from '../../ca/ca-error.ts';
import type { CaMaterial } from '../../ca/ca-material.ts';
import { backOffMs } from '../../discovery/source/kube/back-off.ts';
import { KubeError } from '../../discovery/source/kube/kube-error.ts';
import { ConfigError } from '../config.ts';
import type { Log } from '../log.ts';
import { readAuthorityCopy } from './authority-copy.ts';
import { loadAuthorityFromSecrets } from './load-authority.ts';
import type { PrimaryClient } from './primary-client.ts';
import { withinTime } from './time-limit.ts';

export interface StartAuthorityOptions {
  readonly client: PrimaryClient;
  readonly trustDomain: string;
  readonly stateDir?: string | undefined;
  readonly log: Log;
}

/** An instance that has a copy waits this long for the API server before it starts without it. */
const copyGraceMs = 250;
const backOff = { firstMs: 250, longestMs: 10_000 };

/**
 * Undefined when the signal aborted first.
 * @throws CaError when the Secret holds no authority that can be used, and there is no copy of a good one
 * @throws ConfigError when there are no credentials for the API server
 */
export async function startAuthority(
  options: StartAuthorityOptions,
  signal: AbortSignal,
): Promise<CaMaterial | undefined> {
  const { client, stateDir, log } = options;
  const { clock } = client;
  const copy = stateDir === undefined ? undefined : await readAuthorityCopy(stateDir, clock.now());
  const limitMs = copy === undefined ? client.timeoutMs * 4 : copyGraceMs;
  let complaint = '';
  for (let failures = 1; !signal.aborted; failures += 1) {
    const found = await withinTime({ clock, limitMs, signal }, (limit) => loadAuthorityFromSecrets(options, limit));
    if (!(found instanceof CaError) && !(found instanceof KubeError)) return found;
    if (signal.aborted) break;
    if (copy !== undefined) {
      log.error(
        { reason: found.message },
        'the authority can not be read: signing goes on with the copy of the last run',
      );
      return copy;
    }
    if (found instanceof CaError) throw found;
    if (found.code === 'credentials') throw new ConfigError(`${found.message}.`);
    if (found.message !== complaint) log.error({ reason: found.message }, 'waiting for the authority in the primary');
    complaint = found.message;
    await clock.sleep(Math.max(backOffMs(backOff, failures, Math.random), found.retryAfterMs ?? 0), signal);
  }
  return undefined;
}
