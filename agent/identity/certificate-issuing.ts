// One certificate, from a fresh key to a checked chain: what the identity keeper repeats. In: the authority, the files that prove
// who asks. Out: a workload certificate, or an AgentError.

import { readFile } from 'node:fs/promises';
import type { Clock } from '../../ca/clock.ts';
import { makeKey } from '../../ca/make-authority.ts';
import type { SpiffeId } from '../../ca/spiffe.ts';
import { AgentError, reasonOf } from '../agent-error.ts';
import type { Log } from '../log.ts';
import { createCertificate } from './certificate-authority-service.ts';
import { writeCertificateFile } from './certificate-file.ts';
import { certificateRequest } from './certificate-request.ts';
import type { RootFile } from './root-file.ts';
import { workloadCertificate } from './workload-certificate.ts';
import type { WorkloadCertificate } from './workload-certificate.ts';

export type IssuingOptions = {
  readonly address: string;
  readonly serverName: string;
  readonly clusterId: string;
  readonly spiffeId: SpiffeId;
  readonly ttlMs: number;
  readonly roots: RootFile;
  /** Read for every request: Kubernetes replaces projected tokens before they expire. */
  readonly tokenFile?: string | undefined;
  /** Where key and certificate are kept over a restart. */
  readonly keyDirectory?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
};

const timeoutMs = 15_000;

/** Every certificate gets a key of its own: what an old key signed or opened ends with it. */
export function certificateIssuing(
  options: IssuingOptions,
): (current: WorkloadCertificate | undefined, signal: AbortSignal) => Promise<WorkloadCertificate> {
  const { address, serverName, clusterId, spiffeId, ttlMs, roots, clock, log } = options;
  return async (current, signal) => {
    await roots.refresh();
    const key = await makeKey('ecdsa-p256');
    const csrPem = await certificateRequest(key, spiffeId);
    const token = await readToken(options.tokenFile, current);
    const certChain = await createCertificate(
      { address, serverName, rootsPem: roots.pem, clusterId },
      { csrPem, ttlMs, token, certificate: token === undefined ? current : undefined, timeoutMs, signal },
    );
    const parts = { keyPem: key.privatePem, certChain, trustedRootsPem: roots.pem, nowMs: clock.now() };
    const certificate = workloadCertificate(parts);
    if (certificate.spiffeId !== spiffeId) {
      log.warn(
        { asked: spiffeId, received: certificate.spiffeId },
        'the authority knows this workload by another identity',
      );
    }
    if (options.keyDirectory !== undefined) await keep(options.keyDirectory, certificate, log);
    return certificate;
  };
}

async function readToken(
  path: string | undefined,
  current: WorkloadCertificate | undefined,
): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    const token = (await readFile(path, 'utf8')).trim();
    if (token !== '') return token;
    throw new Error(`${path} is empty`);
  } catch (error) {
    // Then the certificate that is being renewed is the proof.
    if (current !== undefined) return undefined;
    throw new AgentError('unreadable-file', `the token can't be read: ${reasonOf(error)}`, { cause: error });
  }
}

// A full disk must not keep a good certificate from being used.
async function keep(directory: string, certificate: WorkloadCertificate, log: Log): Promise<void> {
  try {
    await writeCertificateFile(directory, certificate);
  } catch (error) {
    log.warn({ directory }, `the certificate is not kept over a restart: ${reasonOf(error)}`);
  }
}
