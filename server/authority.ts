// The authority that this instance signs with: from `--ca-dir`, read again when its files change, or a root of its own
// under `--state-dir`.

import { CaError } from '../ca/ca-error.ts';
import { loadCaFiles } from '../ca/ca-files.ts';
import type { CaMaterial } from '../ca/ca-material.ts';
import type { Clock } from '../ca/clock.ts';
import type { Issuer } from '../ca/issuer.ts';
import { loadOrCreateSelfSigned } from '../ca/self-signed.ts';
import type { AuthorityComplaint } from './authority-complaint.ts';
import { ConfigError, type ServeConfig } from './config.ts';
import type { Log } from './log.ts';
import { replaceAuthority } from './replace-authority.ts';

/** How often the files of `--ca-dir` are looked at: mounted Secrets change without a notification that can be trusted. */
const rereadMs = 10_000;

/**
 * Loads the authority.
 * @throws CaError with one sentence that names the file and the remedy
 * @throws ConfigError when no place for an authority is configured
 */
export async function loadAuthority(config: ServeConfig, nowMs: number): Promise<CaMaterial> {
  const material = await load(config, nowMs);
  if (material instanceof CaError) throw material;
  return material;
}

/** Watches `--ca-dir` until the signal aborts. A bad file is complained about and leaves the authority that is in force. */
export async function followAuthority(
  options: {
    readonly config: ServeConfig;
    readonly issuer: Issuer;
    readonly clock: Clock;
    readonly complaint: AuthorityComplaint;
    readonly log: Log;
  },
  signal: AbortSignal,
): Promise<void> {
  const { config, issuer, clock, complaint, log } = options;
  if (config.caDir === undefined) return;
  while (!signal.aborted) {
    await clock.sleep(rereadMs, signal);
    if (signal.aborted) return;
    const material = await loadCaFiles(config.caDir, clock.now());
    if (material instanceof CaError) {
      complaint.raise(`${material.message} Until then the authority stays as it was.`, material);
      continue;
    }
    complaint.settle();
    replaceAuthority(issuer, material, log);
  }
}

function load(config: ServeConfig, nowMs: number): Promise<CaMaterial | CaError> {
  if (config.caDir !== undefined) return loadCaFiles(config.caDir, nowMs);
  if (config.stateDir !== undefined) {
    return loadOrCreateSelfSigned({ dir: config.stateDir, trustDomain: config.trustDomain, nowMs });
  }
  throw new ConfigError(
    'There is nothing to sign certificates with: give --ca-dir (see "isthmus ca --help"), or --state-dir to keep a ' +
      'self-signed root in, or --xds-tls-port 0 to serve without certificates.',
  );
}
