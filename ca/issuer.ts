// Signs certificates: a request and the identity that its caller proved in, a chain out. At most a few keys are imported
// at a time and at most so many requests wait; the authority behind it can be swapped while it runs.
import { EventEmitter } from 'node:events';
import { CaError } from './ca-error.ts';
import { signWith, type CaMaterial } from './ca-material.ts';
import { backdatedMs, keyIdentifier, type SignedCertificate } from './certificate.ts';
import type { Clock } from './clock.ts';
import { checkCsrSignature, parseCsr } from './csr.ts';
import { distinguishedName } from './distinguished-name.ts';
import type { DerNode } from './asn1/der.ts';
import {
  authorityKeyIdentifier,
  endEntity,
  keyUsage,
  serverAndClientAuth,
  subjectAltName,
  subjectKeyIdentifier,
} from './extensions.ts';
import { makeKey } from './make-authority.ts';
import { writePem } from './pem.ts';
import { formatSpiffeId, type Identity } from './spiffe.ts';
import { WorkQueue } from './work-queue.ts';

export interface IssuerLimits {
  /** How long certificates live when the caller does not say; 24 hours if left out. */
  readonly defaultTtlMs: number;
  /** The longest that a caller may ask for; 90 days if left out. */
  readonly maxTtlMs: number;
  /** Requests being signed at once, 4 if left out: importing a key blocks the event loop, more at once would show. */
  readonly maxInFlight: number;
  /** Requests waiting, 1,000 if left out; the next one is refused as `overloaded`. */
  readonly maxWaiting: number;
}

export interface IssuerOptions extends Partial<IssuerLimits> {
  readonly material: CaMaterial;
  readonly clock: Clock;
}

export interface IssueRequest {
  /** PKCS#10, PEM or DER. */
  readonly csr: string | Uint8Array;
  /** Who the caller proved to be: the only name that goes into the certificate. */
  readonly identity: Identity;
  /** Zero, negative or left out: the default. Longer than allowed, or than the authority lives: shortened. */
  readonly ttlMs?: number;
  readonly signal?: AbortSignal;
}

export interface IssuedCertificate {
  /** PEM: the leaf, each intermediate, and last all roots in one element. Each element ends with a newline. */
  readonly chain: readonly string[];
  /** Hexadecimal. */
  readonly serialNumber: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface IssuedServerCertificate extends IssuedCertificate {
  /** PKCS#8 PEM. */
  readonly keyPem: string;
}

const hourMs = 3600 * 1000;
/** `validity_duration` of a request and every other time-to-live in this mesh, unless configured. */
export const issuerDefaults: Readonly<IssuerLimits> = Object.freeze({
  defaultTtlMs: 24 * hourMs,
  maxTtlMs: 90 * 24 * hourMs,
  maxInFlight: 4,
  maxWaiting: 1000,
});

interface Subject {
  readonly name: DerNode;
  readonly altName: DerNode;
  readonly publicKey: DerNode;
  readonly keyId: Buffer;
}

export class Issuer {
  /** Emits `replaced` after the authority was swapped. */
  readonly changes = new EventEmitter<{ replaced: [] }>();
  readonly #clock: Clock;
  readonly #limits: IssuerLimits;
  readonly #queue: WorkQueue;
  #material: CaMaterial;

  constructor(options: IssuerOptions) {
    const { material, clock, ...limits } = options;
    this.#clock = clock;
    this.#limits = { ...issuerDefaults, ...limits };
    this.#queue = new WorkQueue(this.#limits);
    this.#material = material;
    // Every renewed server certificate listens; how many there are is up to the wiring.
    this.changes.setMaxListeners(0);
  }

  /** What is signed with now. */
  get material(): CaMaterial {
    return this.#material;
  }

  /** Requests in flight, waiting, and refused since the start. */
  get load(): Pick<WorkQueue, 'inFlight' | 'waiting' | 'refused'> {
    const { inFlight, waiting, refused } = this.#queue;
    return { inFlight, waiting, refused };
  }

  /** Signs with another authority from now on. Each certificate comes wholly from the one or the other. */
  replace(material: CaMaterial): void {
    this.#material = material;
    this.changes.emit('replaced');
  }

  /**
   * Signs a workload's request. Errors: those of `parseCsr` and `checkCsrSignature`, `overloaded`, `cancelled`,
   * `ca-expired`, `signing-failed`.
   */
  issue(request: IssueRequest): Promise<IssuedCertificate | CaError> {
    return this.#queue.run(async () => {
      const csr = parseCsr(request.csr);
      if (csr instanceof CaError) return csr;
      const bad = await checkCsrSignature(csr);
      if (bad !== undefined) return bad;
      const subject = {
        // RFC 5280, 4.1.2.6 and SPIFFE X.509-SVID 2: the name is in the SAN alone, which is then critical.
        name: distinguishedName({}),
        altName: subjectAltName({ uris: [formatSpiffeId(request.identity)] }, true),
        publicKey: csr.publicKey,
        keyId: keyIdentifier(csr.keyInfo.bits),
      };
      return this.#sign(subject, request.ttlMs);
    }, request.signal);
  }

  /** A new P-256 key and a certificate for these DNS names, the first of which is also the common name. */
  issueServerCertificate(dnsNames: readonly string[], ttlMs?: number): Promise<IssuedServerCertificate | CaError> {
    return this.#queue.run(async () => {
      const key = await makeKey('ecdsa-p256');
      const [commonName] = dnsNames;
      const subject = {
        name: distinguishedName(commonName === undefined ? {} : { commonName }),
        altName: subjectAltName({ dnsNames }, commonName === undefined),
        publicKey: key.publicKey,
        keyId: key.keyId,
      };
      const issued = await this.#sign(subject, ttlMs);
      return issued instanceof CaError ? issued : { ...issued, keyPem: key.privatePem };
    });
  }

  async #sign(subject: Subject, askedTtlMs = 0): Promise<IssuedCertificate | CaError> {
    // Read once: `replace` may happen while the signature is being made.
    const material = this.#material;
    const { defaultTtlMs, maxTtlMs } = this.#limits;
    const nowMs = this.#clock.now();
    const ttlMs = Math.min(askedTtlMs > 0 ? askedTtlMs : defaultTtlMs, maxTtlMs);
    const notAfterMs = wholeSeconds(Math.min(nowMs + ttlMs, material.notAfterMs));
    if (notAfterMs <= nowMs) {
      const when = new Date(material.notAfterMs).toISOString();
      return new CaError('ca-expired', `The authority expired on ${when}: issue it again with \`isthmus ca issue\`.`);
    }
    const notBeforeMs = wholeSeconds(nowMs - backdatedMs);
    const fields = {
      subjectName: subject.name,
      publicKey: subject.publicKey,
      notBeforeMs,
      notAfterMs,
      extensions: [
        keyUsage('digitalSignature', 'keyEncipherment'),
        serverAndClientAuth(),
        endEntity(),
        subjectKeyIdentifier(subject.keyId),
        authorityKeyIdentifier(material.keyId),
        subject.altName,
      ],
    };
    let signed: SignedCertificate;
    try {
      signed = await signWith(material, fields);
    } catch (error) {
      return new CaError('signing-failed', "The authority's key could not sign.", error);
    }
    const leafPem = writePem('CERTIFICATE', signed.der);
    const chain = [leafPem, ...material.intermediatesPem, material.rootsPem];
    return { chain, serialNumber: signed.serialNumber, notBeforeMs, notAfterMs };
  }
}

// X.509 has no fractions of a second; rounding down keeps what we say equal to what is in the certificate.
function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
