// Secrets of a primary that is a Kubernetes cluster: one list and one watch a Secret, by its name, so that the right to read need
// not be one to read all of a namespace.

import { objectKey } from '../../discovery/model/names.ts';
import type { KubeTimings } from '../../discovery/source/kube/timings.ts';
import { followObjects } from '../kube/followed-objects.ts';
import type { PrimaryClient } from '../kube/primary-client.ts';
import type { Log } from '../log.ts';
import type { SecretFeed, SecretRef, ToldSecret } from './secret-feed.ts';

export interface KubeSecretsOptions {
  readonly client: PrimaryClient;
  readonly log: Log;
  readonly timings?: Partial<KubeTimings> | undefined;
}

export class KubeSecrets implements SecretFeed {
  readonly #options: KubeSecretsOptions;
  readonly #running = new Map<AbortController, Promise<void>>();

  constructor(options: KubeSecretsOptions) {
    this.#options = options;
  }

  follow(ref: SecretRef, listener: (told: ToldSecret) => void): () => void {
    const { client, log, timings } = this.#options;
    const { namespace, name } = ref;
    const stop = new AbortController();
    const key = objectKey('Secret', namespace, name);
    let known: ToldSecret | undefined;
    let unread: ToldSecret | undefined;
    const tell = (): void => {
      if (known !== undefined) listener(known);
      if (unread !== undefined) listener(unread);
    };
    const run = followObjects(
      {
        client,
        clock: client.clock,
        timings,
        followed: [{ kind: 'Secret', plural: 'secrets', namespace, name }],
        onTrouble: (reason) => {
          unread = reason === undefined ? undefined : { kind: 'unread', reason };
          tell();
        },
        onChange: (objects) => {
          const object = objects.get(key);
          known = object === undefined ? { kind: 'absent' } : { kind: 'there', object };
          tell();
        },
      },
      stop.signal,
    )
      .catch((error: unknown) =>
        log.error({ secret: `${namespace}/${name}`, error }, 'a Secret is not followed any more'),
      )
      .finally(() => this.#running.delete(stop));
    this.#running.set(stop, run);
    return () => stop.abort();
  }

  async close(): Promise<void> {
    const running = [...this.#running];
    for (const [stop] of running) stop.abort();
    await Promise.all(running.map(([, run]) => run));
  }
}
