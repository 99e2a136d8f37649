// When an instance is ready, and when it may serve proxies. Readiness never waits for a remote cluster; serving waits a
// moment for the remotes, so that a restart does not take the endpoints of a remote away that has not been read yet.

import type { ClusterId } from '../discovery/model/names.ts';
import type { Readiness as ReadinessReport } from './admin/instance-reader.ts';

/** What of a cluster matters here. */
export interface SyncingCluster {
  readonly clusterId: ClusterId;
  /** Its objects are known: they were read, or are remembered from before. */
  readonly known: boolean;
}

export interface ReadinessOptions {
  readonly primary: SyncingCluster;
  readonly remotes: () => Iterable<SyncingCluster>;
  /** Host names of gateways have been looked up: without them a network would seem to have no gateway. */
  readonly gatewaysKnown?: (() => boolean) | undefined;
  /** The keys of tokens were asked for: without them every token would be refused. */
  readonly tokenKeysKnown?: (() => boolean) | undefined;
  /** Whether the ports for proxies are open: that waits for the certificate authority. */
  readonly listening: () => boolean;
  readonly now: () => number;
  /** How long serving waits for remotes after the primary is known. */
  readonly remoteGraceMs: number;
}

export class Readiness {
  readonly #options: ReadinessOptions;
  #primaryKnownAtMs: number | undefined;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  report(): ReadinessReport {
    const { primary, listening } = this.#options;
    const waitingFor = [
      ...(primary.known ? [] : [`the primary cluster ${primary.clusterId} to be read`]),
      ...(listening() ? [] : ['the certificate authority to be read and the ports for proxies to open']),
    ];
    return { ready: waitingFor.length === 0, waitingFor };
  }

  /** Whether proxies may be served. */
  serving(): boolean {
    const { primary, remotes, gatewaysKnown, tokenKeysKnown, now, remoteGraceMs } = this.#options;
    if (!primary.known) return false;
    this.#primaryKnownAtMs ??= now();
    if (now() - this.#primaryKnownAtMs >= remoteGraceMs) return true;
    if (!(gatewaysKnown?.() ?? true) || !(tokenKeysKnown?.() ?? true)) return false;
    return [...remotes()].every((remote) => remote.known);
  }
}
