// What a client says of the responses on one stream: that it took one (ACK), or why not (NACK). Both are counted and told to the
// source of the snapshots, a rejection with what is to blame for it.

import type { OpenedNode } from './snapshot-source.ts';
import type { StreamContext } from './stream-context.ts';
import type { TypeDelivery } from './type-delivery.ts';

export interface AcknowledgementsOptions {
  readonly variant: 'delta' | 'sotw';
  readonly node: OpenedNode;
  readonly context: StreamContext;
}

export class Acknowledgements {
  readonly #options: AcknowledgementsOptions;

  constructor(options: AcknowledgementsOptions) {
    this.#options = options;
  }

  /**
   * Takes note of the answer that a request may be; `error`: absent when the client accepts. False when the rest of the
   * request is void: in state of the world a request with a stale nonce is superseded by the one that answers the newer
   * response. Delta "must honor changes to the subscription state even if the nonce is stale".
   */
  take(type: TypeDelivery, nonce: string, error: string | undefined): boolean {
    if (nonce === '' || type.sentNonce === '') return true;
    const { typeUrl } = type;
    const { variant, node, context } = this.#options;
    const { metrics } = context;
    const answered = type.answer(nonce, error);
    if (answered !== undefined) {
      const { names } = answered;
      if (error === undefined) {
        metrics.acknowledged(typeUrl);
        node.acknowledged({ typeUrl, nonce, names, error, blamed: undefined });
      } else {
        metrics.rejected(typeUrl);
        const { answers, now } = context;
        const { blamed } = type.blame(answered, { error, nowMs: now(), suspects: answers.suspects });
        node.acknowledged({ typeUrl, nonce, names, error, blamed });
      }
      return true;
    }
    if (nonce === type.sentNonce) return true;
    metrics.expiredNonce(typeUrl);
    return variant === 'delta';
  }
}
