// Where single Secrets of the primary are followed: an API server or a directory. Only those that somebody asks for.

import type { KubernetesObject } from '../../discovery/model/kubernetes-object.ts';

export interface SecretRef {
  readonly namespace: string;
  readonly name: string;
}

export type ToldSecret =
  | { readonly kind: 'there'; readonly object: KubernetesObject }
  | { readonly kind: 'absent' }
  /** It can't be read at present; one sentence says why. What was told before still holds. */
  | { readonly kind: 'unread'; readonly reason: string };

export interface SecretFeed {
  /** Calls `listener` with each state of the Secret, from the first on, until the function that it returns is called. */
  follow(ref: SecretRef, listener: (told: ToldSecret) => void): () => void;
  /** Ends everything that is followed. */
  close(): Promise<void>;
}

/** `NAMESPACE/NAME` */
export function secretKey({ namespace, name }: SecretRef): string {
  return `${namespace}/${name}`;
}
