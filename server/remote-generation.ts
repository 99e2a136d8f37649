// One generation of a remote cluster: a registry that reads it with one set of credentials, and everything that was started
// for that. It ends as a whole: when `stop` resolves, nothing of it listens, waits or is connected.

import type { ClusterRegistry } from '../discovery/registry/cluster-registry.ts';
import { credentialExpiryMs } from './credential-expiry.ts';
import type { RemoteSpec } from './remote-spec.ts';

/** A registry that has not been run, and what it does when it is the only one of its cluster. */
export interface OpenedRemote {
  readonly registry: ClusterRegistry;
  /** The generation before has ended: what one cluster has once (its file under `--state-dir`) is this one's now. */
  takeOver(): void;
}

export interface RemoteGenerationOptions {
  readonly spec: RemoteSpec;
  readonly opened: OpenedRemote;
  /** After every batch. */
  readonly onChange: () => void;
  /** Its reading ended by an error of this program. */
  readonly onFailure: (error: unknown) => void;
}

export class RemoteGeneration {
  readonly spec: RemoteSpec;
  readonly registry: ClusterRegistry;
  /** When its credentials end, in milliseconds since the epoch, as far as they say. */
  readonly credentialExpiryMs: number | undefined;
  readonly #opened: OpenedRemote;
  readonly #stop = new AbortController();
  readonly #unsubscribe: () => void;
  readonly #done: Promise<void>;

  constructor({ spec, opened, onChange, onFailure }: RemoteGenerationOptions) {
    this.spec = spec;
    this.registry = opened.registry;
    const { location } = spec;
    this.credentialExpiryMs =
      location.kind === 'kubeconfig-text' ? credentialExpiryMs(location.kubeconfig.reveal()) : undefined;
    this.#opened = opened;
    this.#unsubscribe = this.registry.onChange(onChange);
    this.#done = this.registry.run(this.#stop.signal).catch(onFailure);
  }

  /** Taking it away would withdraw nothing. */
  get isEmpty(): boolean {
    const { services, gateways } = this.registry.snapshot;
    return services.size === 0 && gateways.length === 0;
  }

  takeOver(): void {
    this.#opened.takeOver();
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#stop.abort();
    await this.#done;
  }
}
