// A golden case: a proxy in a mesh. What it is sent is written down in `expected/NAME.yaml`; `npm run golden` rewrites it.

import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { Proxy } from '../../server/proxy/proxy.ts';

export interface GoldenCase {
  /** One sentence: what the expected file shows. */
  readonly shows: string;
  readonly proxy: Proxy;
  readonly mesh: MeshSnapshot;
  /** The names that a DNS proxy answers for are part of what is expected. */
  readonly names?: boolean;
}
