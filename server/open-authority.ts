// Opens the authority of an instance and keeps it current until the instance stops: from `--ca-dir`, from Secrets of the primary,
// or from a root under `--state-dir`.

import { systemClock } from '../ca/clock.ts';
import type { CaMaterial } from '../ca/ca-material.ts';
import { Issuer } from '../ca/issuer.ts';
import type { Problem } from '../discovery/model/problem.ts';
import { AuthorityComplaint } from './authority-complaint.ts';
import { otherOwner } from './authority-owner.ts';
import { followAuthority, loadAuthority } from './authority.ts';
import type { ServeConfig } from './config.ts';
import { writeAuthorityCopy } from './kube/authority-copy.ts';
import { followAuthoritySecrets } from './kube/follow-authority.ts';
import type { PrimaryClient } from './kube/primary-client.ts';
import { startAuthority } from './kube/start-authority.ts';
import type { Started } from './lifecycle.ts';
import type { Log } from './log.ts';

export interface OpenAuthorityOptions {
  readonly config: ServeConfig;
  /** Absent when the primary is a directory. */
  readonly client: PrimaryClient | undefined;
  readonly log: Log;
  readonly started: Started;
  /** Aborts when the instance is told to stop while it still waits for an authority. */
  readonly signal: AbortSignal;
}

export interface OpenedAuthority {
  readonly issuer: Issuer;
  /** What is wrong with the authority in force, and with the one that was read last while an older one is. */
  readonly problems: () => readonly Problem[];
}

/**
 * Undefined when no port needs one, or the instance was told to stop before there was one.
 * @throws CaError when what is configured can't be used
 * @throws ConfigError when nothing is configured
 */
export async function openAuthority(options: OpenAuthorityOptions): Promise<OpenedAuthority | undefined> {
  const { config, log, started, signal } = options;
  if (config.ports.xdsTls === 0) return undefined;
  const client = config.caDir === undefined ? options.client : undefined;
  const { trustDomain, stateDir } = config;
  const material =
    client === undefined
      ? await loadAuthority(config, systemClock.now())
      : await startAuthority({ client, trustDomain, stateDir, log }, signal);
  if (material === undefined) return undefined;
  const issuer = new Issuer({ material, clock: systemClock, maxTtlMs: config.maxCertificateTtlMs });
  if (client !== undefined && stateDir !== undefined) keepCopy({ issuer, stateDir, log, started });
  const complaint = new AuthorityComplaint(log);
  const stop = new AbortController();
  const followed =
    client === undefined
      ? followAuthority({ config, issuer, clock: systemClock, complaint, log }, stop.signal)
      : followAuthoritySecrets({ client, issuer, complaint, log }, stop.signal);
  started.add('authority', async () => {
    stop.abort();
    await followed;
  });
  let owners: readonly Problem[] = [];
  const look = (): void => {
    owners = otherOwner(issuer.material, config);
    for (const { message } of owners) log.warn({}, message);
  };
  issuer.changes.on('replaced', look);
  look();
  return { issuer, problems: () => [...complaint.problems, ...owners] };
}

/** Writes one after the other; without a copy the instance works, it just can't start while the API server is down. */
function keepCopy(parts: {
  readonly issuer: Issuer;
  readonly stateDir: string;
  readonly log: Log;
  readonly started: Started;
}): void {
  const { issuer, stateDir, log, started } = parts;
  let written = Promise.resolve();
  const write = (material: CaMaterial): void => {
    written = written.then(async () => {
      try {
        await writeAuthorityCopy(stateDir, material);
      } catch (error) {
        log.error({ error, stateDir }, 'the copy of the authority could not be written');
      }
      return undefined;
    });
  };
  const onReplaced = (): void => write(issuer.material);
  issuer.changes.on('replaced', onReplaced);
  write(issuer.material);
  started.add('copy of the authority', async () => {
    issuer.changes.off('replaced', onReplaced);
    await written;
  });
}
