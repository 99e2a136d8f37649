// What one SDS stream has asked for and been sent, without I/O, for both variants of the protocol. In: requests, and the snapshot of
// the moment. Out: the next response, or nothing while the client has all there is. A name without a secret yet is waited for: its
// response comes when there is one. (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol)

import { encode } from '../../proto/codec.ts';
import { DeltaDiscoveryResponse, DiscoveryResponse } from '../../proto/generated/envoy.service.discovery.v3.ts';
import type { DeltaDiscoveryRequest, DiscoveryRequest } from '../../proto/generated/envoy.service.discovery.v3.ts';
import { isSecretName, secretTypeUrl } from './secret-snapshot.ts';
import type { SecretSnapshot } from './secret-snapshot.ts';

export type Refusal = { readonly nonce: string; readonly reason: string };

export interface SecretSubscription<Request> {
  /** Takes a request in. The refusal in it, if it is a NACK of the last response. */
  receive(request: Request): Refusal | undefined;
  /** The encoded response that brings the client up to date, and remembers that it was sent. */
  next(snapshot: SecretSnapshot): Uint8Array | undefined;
  /** What the client subscribes to. */
  readonly names: readonly string[];
}

// Nobody needs more than a few; a client that asks for thousands is kept from growing the set.
const maxNames = 100;

/** State of the world: every response holds all of the subscribed secrets that exist. */
export class WorldSecretSubscription implements SecretSubscription<DiscoveryRequest> {
  #names: readonly string[] = [];
  #sentVersion: string | undefined;
  #nonce = 0;

  get names(): readonly string[] {
    return this.#names;
  }

  receive(request: DiscoveryRequest): Refusal | undefined {
    const nonce = request.responseNonce ?? '';
    // "stale nonce": an answer to a response before the last one says nothing about the present.
    if (nonce !== '' && nonce !== String(this.#nonce)) return undefined;
    const names = [...new Set(request.resourceNames ?? [])].slice(0, maxNames).toSorted();
    // Without a nonce it is the stream's first request, or asks anew: it is answered although nothing has changed.
    if (nonce === '' || names.join('\n') !== this.#names.join('\n')) this.#sentVersion = undefined;
    this.#names = names;
    return refusalOf(nonce, request.errorDetail?.message, request.errorDetail !== undefined);
  }

  next(snapshot: SecretSnapshot): Uint8Array | undefined {
    const secrets = this.#names.flatMap((name) => (isSecretName(name) ? (snapshot.get(name) ?? []) : []));
    if (secrets.length === 0) return undefined;
    const version = secrets.map((secret) => secret.version).join('-');
    if (version === this.#sentVersion) return undefined;
    this.#sentVersion = version;
    this.#nonce += 1;
    return encode(DiscoveryResponse, {
      versionInfo: version,
      resources: secrets.map(({ bytes }) => ({ typeUrl: secretTypeUrl, value: bytes })),
      typeUrl: secretTypeUrl,
      nonce: String(this.#nonce),
    });
  }
}

/** Delta: a response holds the subscribed secrets that the client does not have in their present version. */
export class DeltaSecretSubscription implements SecretSubscription<DeltaDiscoveryRequest> {
  /** Subscribed names with the version that the client has; undefined when it has none. */
  #versions = new Map<string, string | undefined>();
  #unknown = new Set<string>();
  #nonce = 0;

  get names(): readonly string[] {
    return [...this.#versions.keys()];
  }

  receive(request: DeltaDiscoveryRequest): Refusal | undefined {
    for (const name of request.resourceNamesUnsubscribe ?? []) {
      this.#versions.delete(name);
      this.#unknown.delete(name);
    }
    for (const name of request.resourceNamesSubscribe ?? []) {
      // Subscribing again to a name asks for it again, unless this is the stream's first request and says what it has.
      if (isSecretName(name)) {
        if (this.#versions.size < maxNames) this.#versions.set(name, request.initialResourceVersions?.[name]);
      } else if (this.#unknown.size < maxNames) this.#unknown.add(name);
    }
    const nonce = request.responseNonce ?? '';
    if (nonce !== '' && nonce !== String(this.#nonce)) return undefined;
    return refusalOf(nonce, request.errorDetail?.message, request.errorDetail !== undefined);
  }

  next(snapshot: SecretSnapshot): Uint8Array | undefined {
    const changed = [...this.#versions.keys()].flatMap((name) => {
      const secret = isSecretName(name) ? snapshot.get(name) : undefined;
      return secret === undefined || secret.version === this.#versions.get(name) ? [] : [secret];
    });
    if (changed.length === 0 && this.#unknown.size === 0) return undefined;
    for (const { name, version } of changed) this.#versions.set(name, version);
    this.#nonce += 1;
    const response = encode(DeltaDiscoveryResponse, {
      resources: changed.map(({ name, version, bytes }) => ({
        name,
        version,
        resource: { typeUrl: secretTypeUrl, value: bytes },
      })),
      // A name that will never have a secret is answered as removed, so that the client need not wait for a time-out.
      removedResources: [...this.#unknown],
      typeUrl: secretTypeUrl,
      nonce: String(this.#nonce),
    });
    this.#unknown.clear();
    return response;
  }
}

function refusalOf(nonce: string, reason: string | undefined, isRefused: boolean): Refusal | undefined {
  return isRefused ? { nonce, reason: reason ?? '' } : undefined;
}
