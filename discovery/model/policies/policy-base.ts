// What every declared policy carries: the object it came from and who may see it.

import type { ObjectKey } from '../names.ts';
import type { Origin } from '../problem.ts';

export interface PolicyBase {
  readonly source: ObjectKey;
  /** Where it was read, for findings that show only when it is used. */
  readonly origin?: Origin | undefined;
  readonly name: string;
  readonly namespace: string;
  readonly createdAtMs: number;
  /** `*`, `.` or namespaces; empty means everywhere. */
  readonly exportTo: readonly string[];
}
