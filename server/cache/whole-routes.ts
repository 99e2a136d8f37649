// Whole route configurations, for clients that take no virtual hosts by themselves. In: configurations as generated, or as patched. Out:
// their bytes, spliced: a virtual host is encoded once, and joined again for as long as it is the same object.

import { encode } from '../../proto/codec.ts';
import { RouteConfiguration, VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';
import { concat, frame } from '../../proto/splice.ts';
import type { Resource } from '../generate/resource.ts';
import type { ResourceBytes } from './encode-resource.ts';
import type { EncodingListener } from './resource-sets.ts';

/** Of RouteConfiguration; the name has the only number below it. */
const virtualHostsField = 2;

export class WholeRoutes {
  /** In their frames. The message of a virtual host is never changed, only replaced. */
  readonly #frames: WeakMap<VirtualHost, Uint8Array>;
  readonly #onEncoded: EncodingListener;

  /** `from`: what is encoded there is encoded here. */
  constructor(onEncoded: EncodingListener = () => undefined, from?: WholeRoutes) {
    this.#frames = from === undefined ? new WeakMap() : from.#frames;
    this.#onEncoded = onEncoded;
  }

  /** Byte for byte what `encode` gives. */
  splice({ type, name, message, sources }: Resource<RouteConfiguration>): ResourceBytes {
    const { name: ownName, virtualHosts = [], ...rest } = message;
    const body = concat([
      encode<RouteConfiguration>(RouteConfiguration, { name: ownName }),
      ...virtualHosts.map((host) => this.#frameOf(host)),
      encode<RouteConfiguration>(RouteConfiguration, rest),
    ]);
    return { typeUrl: type.typeUrl, name, body, sources };
  }

  #frameOf(host: VirtualHost): Uint8Array {
    const known = this.#frames.get(host);
    if (known !== undefined) return known;
    // A copy: in a pool it would keep alive what was beside it for a moment.
    const made = new Uint8Array(frame(virtualHostsField, encode<VirtualHost>(VirtualHost, host)));
    this.#onEncoded(VirtualHost.typeUrl);
    this.#frames.set(host, made);
    return made;
  }
}
