// Who hears of the objects of a source as the API server has them, with what is trimmed before anybody else hears of them: their
// status, and each version of it.

import type { ObjectKey } from '../../model/names.ts';

export interface ObjectSightings {
  /** One object, as it was listed or watched; its `kind` as keys have it. Nothing of it is to be changed. */
  seen(kind: string, value: Readonly<Record<string, unknown>>): void;
  gone(key: ObjectKey): void;
}
