// The right to talk to the primary's API server as more than a reader. Only the primary of a checked configuration gives one,
// so there is no way to make a writing client for a remote cluster: the types refuse a remote's location.

import type { KubeCredentials } from '../../discovery/source/kube/kube-config.ts';
import type { ServeConfig } from '../config.ts';

export class PrimaryKubeConfig {
  readonly #credentials: KubeCredentials;
  /** The namespace of the control plane. */
  readonly systemNamespace: string;

  private constructor(credentials: KubeCredentials, systemNamespace: string) {
    this.#credentials = credentials;
    this.systemNamespace = systemNamespace;
  }

  /** Undefined when the primary is a directory: there is no API server to talk to. */
  static of({
    primary,
    systemNamespace,
  }: Pick<ServeConfig, 'primary' | 'systemNamespace'>): PrimaryKubeConfig | undefined {
    if (primary.kind === 'directory') return undefined;
    const credentials: KubeCredentials =
      primary.kind === 'kubeconfig' ? { kind: 'file', path: primary.path } : { kind: 'in-cluster' };
    return new PrimaryKubeConfig(credentials, systemNamespace);
  }

  get credentials(): KubeCredentials {
    return this.#credentials;
  }
}
