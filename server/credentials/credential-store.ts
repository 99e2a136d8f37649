// The credentials that connected gateways use, each followed while somebody does and forgotten after. In: which uses there are in
// which namespace. Out: resources by name, a call when one changes, and findings about Secrets that are missing or bad. What was
// good last stays while a gateway uses it.

import type { Problem } from '../../discovery/model/problem.ts';
import { objectKey } from '../../discovery/model/names.ts';
import type { EncodedResource } from '../cache/encoded-resource.ts';
import { certificateResource, clientRootsResource } from './credential-resource.ts';
import type { CredentialUse } from './credential-use.ts';
import { readCredential, type Credential, type ServingCertificate } from './read-credential.ts';
import { secretKey, type SecretFeed, type SecretRef, type ToldSecret } from './secret-feed.ts';

export interface CredentialStoreOptions {
  readonly feed: SecretFeed;
  readonly now: () => number;
  /** A resource is another one now. */
  readonly onChange: () => void;
}

/** A use in the namespace of gateways. */
export interface UseInNamespace {
  readonly namespace: string;
  readonly use: CredentialUse;
}

interface Followed {
  readonly stop: () => void;
  /** Undefined until it was told. */
  state: ToldSecret['kind'] | undefined;
  reason: string;
  credential: Credential | undefined;
}

/** What is served under one name. */
interface Served {
  readonly resource: EncodedResource;
  /** Of a certificate. */
  readonly notAfterMs: number | undefined;
}

export class CredentialStore {
  readonly #options: CredentialStoreOptions;
  readonly #followed = new Map<string, Followed>();
  readonly #served = new Map<string, Served>();
  #uses: ReadonlyMap<string, UseInNamespace> = new Map();

  constructor(options: CredentialStoreOptions) {
    this.#options = options;
  }

  /** The resource that gateways of the namespace get under that name, if there is one. */
  resource(namespace: string, name: string): EncodedResource | undefined {
    return this.#served.get(`${namespace} ${name}`)?.resource;
  }

  /** Follows the Secrets of these uses and no others. */
  setUses(uses: Iterable<UseInNamespace>): void {
    this.#uses = new Map([...uses].map((one) => [useKey(one), one]));
    const wanted = new Map<string, SecretRef>();
    for (const { namespace, use } of this.#uses.values()) {
      for (const name of use.secrets) wanted.set(secretKey({ namespace, name }), { namespace, name });
    }
    for (const [key, { stop }] of this.#followed) {
      if (wanted.has(key)) continue;
      stop();
      this.#followed.delete(key);
    }
    const resources = new Set([...this.#uses.values()].map((one) => resourceKey(one)));
    for (const key of this.#served.keys()) if (!resources.has(key)) this.#served.delete(key);
    for (const [key, ref] of wanted) if (!this.#followed.has(key)) this.#follow(key, ref);
    this.#renew();
  }

  /** What is wrong at this moment, at the Gateway that names the Secret. */
  problems(): readonly Problem[] {
    return [...this.#uses.values()].flatMap((one) => this.#problemOf(one));
  }

  /** Secrets that are followed, `NAMESPACE/NAME`. */
  followed(): readonly string[] {
    return [...this.#followed.keys()];
  }

  #follow(key: string, ref: SecretRef): void {
    const followed: { -readonly [K in keyof Followed]: Followed[K] } = {
      stop: () => undefined,
      state: undefined,
      reason: '',
      credential: undefined,
    };
    this.#followed.set(key, followed);
    followed.stop = this.#options.feed.follow(ref, (told) => {
      if (this.#followed.get(key) !== followed) return;
      followed.state = told.kind;
      followed.reason = told.kind === 'unread' ? told.reason : '';
      if (told.kind === 'there') followed.credential = readCredential(told.object);
      else if (told.kind === 'absent') followed.credential = undefined;
      if (this.#renew()) this.#options.onChange();
    });
  }

  /** Whether any resource is another one. */
  #renew(): boolean {
    let differs = false;
    for (const one of this.#uses.values()) {
      const key = resourceKey(one);
      const before = this.#served.get(key);
      const next = this.#serve(one, before);
      if (next === undefined || next.resource.version === before?.resource.version) continue;
      this.#served.set(key, next);
      differs = true;
    }
    return differs;
  }

  /** Undefined: what was served before stays. */
  #serve({ namespace, use }: UseInNamespace, before: Served | undefined): Served | undefined {
    const held = this.#holder({ namespace, use });
    if (held === undefined) return undefined;
    const source = objectKey('Secret', namespace, held.name);
    if (use.purpose === 'client-roots') {
      const { roots } = held.credential;
      if (roots.kind !== 'good') return undefined;
      return { resource: clientRootsResource(use.resource, roots.value, source), notAfterMs: undefined };
    }
    const { certificate } = held.credential;
    if (certificate.kind !== 'good') return undefined;
    const { notAfterMs } = certificate.value;
    // An expired one is better than none, and worse than one that still holds.
    const isWorse = this.#isOver(certificate.value) && (before?.notAfterMs ?? 0) > this.#options.now();
    return isWorse ? undefined : { resource: certificateResource(use.resource, certificate.value, source), notAfterMs };
  }

  #isOver({ notAfterMs, notBeforeMs }: ServingCertificate): boolean {
    const now = this.#options.now();
    return notAfterMs <= now || notBeforeMs > now;
  }

  /** The Secret that a use is served from: the first that is there. Undefined while one before it is not known. */
  #holder({ namespace, use }: UseInNamespace): { readonly name: string; readonly credential: Credential } | undefined {
    for (const name of use.secrets) {
      const followed = this.#followed.get(secretKey({ namespace, name }));
      if (followed?.credential !== undefined) return { name, credential: followed.credential };
      if (followed?.state !== 'absent') return undefined;
    }
    return undefined;
  }

  #problemOf(one: UseInNamespace): readonly Problem[] {
    const { namespace, use } = one;
    const servedStill = this.#served.has(resourceKey(one));
    const effect = servedStill
      ? 'its last good content stays in use'
      : 'connections for the names of this server are closed, and a listener that is new or changed waits for it at most five seconds';
    for (const name of use.secrets) {
      const followed = this.#followed.get(secretKey({ namespace, name }));
      if (followed?.state === 'unread') {
        const message = `The Secret ${namespace}/${name} can't be read (${followed.reason}), so ${effect}; where it lacks the right, let this instance get, list and watch it by a Role in namespace ${namespace}.`;
        return [problem(use, 'unreadable-secret', message)];
      }
      if (followed?.state === undefined) return [];
    }
    const held = this.#holder(one);
    const name = held?.name ?? use.secrets.at(-1) ?? '';
    if (held === undefined) {
      const message = `There is no Secret ${namespace}/${name} in the namespace of the gateway, so ${effect}; create it there.`;
      return [problem(use, 'missing-secret', message)];
    }
    const part = use.purpose === 'certificate' ? held.credential.certificate : held.credential.roots;
    if (part.kind === 'absent') {
      const message = `The Secret ${namespace}/${name} has no ${part.keys}, so ${effect}; add ${part.keys}.`;
      return [problem(use, 'invalid-secret', message)];
    }
    if (part.kind === 'bad') {
      const message = `The Secret ${namespace}/${name} ${part.reason}, so ${effect}; correct the Secret.`;
      return [problem(use, 'invalid-secret', message)];
    }
    const { certificate } = held.credential;
    if (use.purpose !== 'certificate' || certificate.kind !== 'good' || !this.#isOver(certificate.value)) return [];
    const { notBeforeMs, notAfterMs } = certificate.value;
    const isEarly = notBeforeMs > this.#options.now();
    const when = isEarly
      ? `is valid from ${new Date(notBeforeMs).toISOString()} on only`
      : `expired at ${new Date(notAfterMs).toISOString()}`;
    const message = `The certificate in Secret ${namespace}/${name} ${when}, so clients refuse it, and what was valid before stays in use where there was any; renew it.`;
    return [problem(use, 'expired-secret', message)];
  }
}

function useKey({ namespace, use }: UseInNamespace): string {
  return `${namespace} ${use.resource} ${use.gateway.source} ${use.field}`;
}

function resourceKey({ namespace, use }: UseInNamespace): string {
  return `${namespace} ${use.resource}`;
}

function problem({ gateway, field }: CredentialUse, code: string, message: string): Problem {
  const { source: object, origin } = gateway;
  return { severity: 'error', code, object, field, ...(origin === undefined ? {} : { origin }), message };
}
