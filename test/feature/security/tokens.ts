// An issuer of tokens for tests: real keys, a JWKS of their public halves, and tokens signed with any of them.

import { generateKeyPairSync, sign, type JsonWebKey, type KeyObject } from 'node:crypto';

export type TokenAlgorithm = 'RS256' | 'ES256';

export class TokenIssuer {
  readonly issuer: string;
  readonly #keys: { readonly id: string; readonly algorithm: TokenAlgorithm; readonly privateKey: KeyObject }[] = [];
  readonly #published: JsonWebKey[] = [];

  constructor(issuer: string, algorithms: readonly TokenAlgorithm[] = ['RS256']) {
    this.issuer = issuer;
    for (const algorithm of algorithms) this.addKey(algorithm);
  }

  /** A new key, published; tokens are signed with the newest of their algorithm. */
  addKey(algorithm: TokenAlgorithm): void {
    const { publicKey, privateKey } =
      algorithm === 'RS256'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const id = `${algorithm}-${this.#keys.length}`;
    this.#keys.unshift({ id, algorithm, privateKey });
    this.#published.push({ ...publicKey.export({ format: 'jwk' }), kid: id, alg: algorithm, use: 'sig' });
  }

  /** A JWKS, JSON. */
  get keySet(): string {
    return JSON.stringify({ keys: this.#published });
  }

  /** For `ada`, an hour long, unless the claims say something else. */
  token(claims: Readonly<Record<string, unknown>> = {}, algorithm: TokenAlgorithm = 'RS256'): string {
    const key = this.#keys.find((one) => one.algorithm === algorithm);
    if (key === undefined) throw new Error(`no key for ${algorithm}`);
    const payload = { iss: this.issuer, sub: 'ada', exp: Math.floor(Date.now() / 1000) + 3600, ...claims };
    const signed = `${part({ alg: algorithm, kid: key.id, typ: 'JWT' })}.${part(payload)}`;
    const signature = sign('sha256', Buffer.from(signed), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
    return `${signed}.${signature.toString('base64url')}`;
  }
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
