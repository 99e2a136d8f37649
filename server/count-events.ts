// A source that counts the objects it tells of.

import { kindOf } from '../discovery/model/kubernetes-object.ts';
import { parseObjectKey } from '../discovery/model/names.ts';
import type { Source, SourceEvent } from '../discovery/model/source-event.ts';

/** A source does not tell a new object from one that changed: both are an `update`. */
export interface ObjectEvent {
  readonly kind: string;
  readonly event: 'update' | 'delete';
}

/** The same source; `onEvent` hears of each object before it is delivered. */
export function countEvents(source: Source, onEvent: (event: ObjectEvent) => void): Source {
  return {
    description: source.description,
    scope: source.scope,
    run: (deliver, signal) =>
      source.run((batch) => {
        for (const event of batch) {
          const told = objectEventOf(event);
          if (told !== undefined) onEvent(told);
        }
        deliver(batch);
      }, signal),
  };
}

function objectEventOf(event: SourceEvent): ObjectEvent | undefined {
  if (event.kind === 'changed') return { kind: kindOf(event.object), event: 'update' };
  if (event.kind !== 'deleted') return undefined;
  return { kind: parseObjectKey(event.key).kind, event: 'delete' };
}
