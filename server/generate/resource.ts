// What a generator returns: an Envoy message with its name and the objects it was made from.

import type { ObjectKey } from '../../discovery/model/names.ts';
import type { MessageType } from '../../proto/message-type.ts';

/** One xDS resource before it is encoded. `sources` names the objects a NACK of it is shown against. */
export interface Resource<T> {
  readonly type: MessageType<T>;
  /** Unique within its type: what Envoy subscribes to and what the message's own name field says. */
  readonly name: string;
  readonly message: T;
  readonly sources: readonly ObjectKey[];
}
