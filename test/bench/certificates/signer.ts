// Signs as fast as the issuer takes requests: ECDSA requests and an ECDSA authority, as is usual in a mesh, with the
// issuer's own number in flight and callers that always wait.

import { systemClock } from '../../../ca/clock.ts';
import { Issuer } from '../../../ca/issuer.ts';
import { makeAuthority, ok } from '../../support/certificate-authority.ts';
import { makeCsr } from '../../support/make-csr.ts';

/** Requests under way or waiting at any time. */
const callers = 64;

/** Different keys, so that nothing about one is remembered. */
const differentRequests = 200;

/** Signs until the signal aborts; resolves with how many certificates were made. */
export type Signer = (signal: AbortSignal) => Promise<number>;

export async function makeSigner(): Promise<Signer> {
  const { material } = await makeAuthority();
  const issuer = new Issuer({ material, clock: systemClock });
  const identity = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'sleep' };
  const requests = await Promise.all(Array.from({ length: differentRequests }, () => makeCsr({ type: 'ecdsa-p256' })));
  return async (signal) => {
    let count = 0;
    const caller = async (): Promise<void> => {
      while (!signal.aborted) {
        ok(await issuer.issue({ csr: requests[count % requests.length] ?? '', identity }));
        count += 1;
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
    return count;
  };
}
