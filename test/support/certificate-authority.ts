// Authorities for tests: a root and an intermediate made as the command line makes them, with errors thrown.
import { CaError } from '../../ca/ca-error.ts';
import { caMaterial, type CaFileName, type CaMaterial } from '../../ca/ca-material.ts';
import { authorityTtlMs, makeIntermediate, makeRoot, type KeyType, type RootFiles } from '../../ca/make-authority.ts';

export interface TestAuthority {
  readonly root: RootFiles;
  readonly rootMaterial: CaMaterial;
  readonly files: Readonly<Record<CaFileName, string>>;
  readonly material: CaMaterial;
}

export interface TestAuthorityOptions {
  readonly keyType?: KeyType;
  readonly clusterId?: string;
  readonly nowMs?: number;
  readonly ttlMs?: number;
  /** The root to be under; a new one if left out. */
  readonly root?: RootFiles;
}

export async function makeAuthority(options: TestAuthorityOptions = {}): Promise<TestAuthority> {
  const { keyType = 'ecdsa-p256', clusterId = 'cluster-1', nowMs = Date.now() } = options;
  const common = { trustDomain: 'cluster.local', keyType, nowMs };
  const root = options.root ?? (await makeRoot({ ...common, ttlMs: authorityTtlMs.root }));
  const rootMaterial = materialOfRoot(root, nowMs);
  const ttlMs = options.ttlMs ?? authorityTtlMs.intermediate;
  const files = await makeIntermediate({ ...common, ttlMs, clusterId, root: rootMaterial });
  return { root, rootMaterial, files, material: ok(caMaterial({ files, where, nowMs })) };
}

export function materialOfRoot(root: RootFiles, nowMs = Date.now()): CaMaterial {
  const { certificatePem, keyPem } = root;
  const files = {
    'ca-cert.pem': certificatePem,
    'ca-key.pem': keyPem,
    'cert-chain.pem': certificatePem,
    'root-cert.pem': certificatePem,
  };
  return ok(caMaterial({ files, where, nowMs }));
}

/** The value, or the error thrown. */
export function ok<Value>(value: Value | CaError): Value {
  if (value instanceof CaError) throw value;
  return value;
}

/** The error; a value fails the test. */
export function failure(value: unknown): CaError {
  if (value instanceof CaError) return value;
  throw new Error(`expected an error, got ${JSON.stringify(value)}`);
}

function where(name: string): string {
  return `DIR/${name}`;
}
