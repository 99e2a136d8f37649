// The certificate of a TLS port that renews itself: DNS names in; a certificate now, a new one at half of its life and
// whenever the authority changed, out. The consumer swaps its TLS context at each; no port is closed for it.
import { once } from 'node:events';
import { CaError } from './ca-error.ts';
import type { Clock } from './clock.ts';
import type { IssuedServerCertificate, Issuer } from './issuer.ts';

export interface ServerCertificateOptions {
  readonly issuer: Issuer;
  readonly dnsNames: readonly string[];
  readonly clock: Clock;
  /** Ends the iteration. */
  readonly signal: AbortSignal;
  /** How long each certificate lives; the issuer's default if left out. */
  readonly ttlMs?: number;
  /** A number from 0 up to 1, `Math.random` if left out. */
  readonly random?: () => number;
  /** Told of every failed renewal; the last certificate stays in use and another try follows. */
  readonly onFailure?: (error: CaError) => void;
}

/** What a TLS context is made of, as PEM. */
export interface ServerCertificate {
  /** The leaf and its intermediates. */
  readonly certificatePem: string;
  readonly keyPem: string;
  /** All roots: what clients are verified against. */
  readonly rootsPem: string;
  readonly notAfterMs: number;
}

const firstRetryMs = 1000;
const maxRetryMs = 60_000;
/** Under an authority that is about to expire every certificate is short; this keeps renewing from being a busy loop. */
const minPauseMs = 1000;
/** Instances that started together don't renew together: each shifts its half life by up to one percent. */
const jitter = 0.01;

/** The first certificate at once, then every renewed one, until the signal aborts. Never throws. */
export async function* serverCertificates(options: ServerCertificateOptions): AsyncGenerator<ServerCertificate, void> {
  const { issuer, dnsNames, clock, signal, ttlMs, onFailure } = options;
  let retryMs = firstRetryMs;
  while (!signal.aborted) {
    // Listening begins before signing, so that a change in between is not missed.
    using changed = whenReplaced(issuer, signal);
    const issuedAtMs = clock.now();
    const issued = await issuer.issueServerCertificate(dnsNames, ttlMs);
    let pauseMs = retryMs;
    if (issued instanceof CaError) {
      onFailure?.(issued);
      retryMs = Math.min(retryMs * 2, maxRetryMs);
    } else {
      retryMs = firstRetryMs;
      yield serverCertificate(issued);
      const life = { issuedAtMs, notAfterMs: issued.notAfterMs };
      pauseMs = Math.max(renewAtMs(life, options.random ?? Math.random) - clock.now(), minPauseMs);
    }
    await Promise.race([clock.sleep(pauseMs, changed.signal), changed.promise]);
  }
}

/** Half of the certificate's life from when it was issued, give or take a percent of that life; since the epoch. */
export function renewAtMs(life: { issuedAtMs: number; notAfterMs: number }, random: () => number): number {
  const lifeMs = life.notAfterMs - life.issuedAtMs;
  return life.issuedAtMs + lifeMs * (0.5 + jitter * (2 * random() - 1));
}

function serverCertificate({ chain, keyPem, notAfterMs }: IssuedServerCertificate): ServerCertificate {
  return { certificatePem: chain.slice(0, -1).join(''), keyPem, rootsPem: chain.at(-1) ?? '', notAfterMs };
}

interface Replaced extends Disposable {
  /** Resolves when the authority was replaced, or the pause is over. */
  readonly promise: Promise<void>;
  /** Aborts when the authority was replaced, and when the caller stops. */
  readonly signal: AbortSignal;
}

function whenReplaced(issuer: Issuer, stop: AbortSignal): Replaced {
  const over = new AbortController();
  const signal = AbortSignal.any([stop, over.signal]);
  const promise = once(issuer.changes, 'replaced', { signal }).then(
    () => over.abort(),
    () => undefined, // The wait was ended, which is no failure.
  );
  return { promise, signal, [Symbol.dispose]: () => over.abort() };
}
