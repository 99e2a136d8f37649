// A ProxyConfig, converted and checked: what the proxies of new pods are started with.

import type { PolicyBase } from './policy-base.ts';

export interface ProxyConfigPolicy extends PolicyBase {
  readonly kind: 'ProxyConfig';
  /** Empty: the whole namespace, or the whole mesh in the root namespace. */
  readonly selector: Readonly<Record<string, string>>;
  /** Worker threads; 0: one for each core. Absent: not said. */
  readonly concurrency?: number | undefined;
  /** Environment of the proxy. */
  readonly environment: Readonly<Record<string, string>>;
  /** `default`, `debug` or `distroless`. Absent: not said. */
  readonly imageType?: string | undefined;
}
