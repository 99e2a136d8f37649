// The rehearsal of an instance: once it is ready, beside everything else, unless proxies are there by then. It touches nothing that
// serves. In: whether the instance is ready, and who is connected. Out: one line for those who debug.

import type { ClusterRegistry } from '../discovery/registry/cluster-registry.ts';
import type { ServeConfig } from './config.ts';
import type { Started } from './lifecycle.ts';
import type { Log } from './log.ts';

export interface OpenRehearsalOptions {
  /** With workers there is none: most of it is what they do. */
  readonly config: Pick<ServeConfig, 'workers'>;
  readonly ready: () => boolean;
  /** An instance gets ready with a change of its primary, or is when it begins. */
  readonly primary: Pick<ClusterRegistry, 'onChange'>;
  readonly connections: { readonly size: number };
  readonly log: Pick<Log, 'debug' | 'warn'>;
  readonly started: Started;
}

export function openRehearsal({ config, ready, primary, connections, log, started }: OpenRehearsalOptions): void {
  if (config.workers > 0) return;
  const stop = new AbortController();
  let rehearsal: Promise<void> | undefined;
  const begin = async (): Promise<void> => {
    try {
      // Reading its code waits until then too.
      const { rehearse } = await import('./rehearsal/rehearse.ts');
      const rehearsed = await rehearse({ signal: stop.signal, overtaken: () => connections.size > 0 });
      log.debug({ ...rehearsed, tookMs: Math.round(rehearsed.tookMs) }, 'rehearsed');
    } catch (error) {
      log.warn({ error }, 'the rehearsal failed; the first proxies are served a little slower');
    }
  };
  const look = (): void => {
    if (!ready() || stop.signal.aborted) return;
    unsubscribe();
    rehearsal ??= begin();
  };
  const unsubscribe = primary.onChange(look);
  look();
  started.add('rehearsal', async () => {
    unsubscribe();
    stop.abort();
    await rehearsal;
  });
}
