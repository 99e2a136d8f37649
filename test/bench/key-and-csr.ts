// A key of a workload with the request for its certificate.

import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { makeCsr } from '../support/make-csr.ts';

export async function makeKeyAndCsr(): Promise<{ readonly keyPem: string; readonly csr: string }> {
  const key = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const keyPem = key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { keyPem, csr: await makeCsr({ type: 'ecdsa-p256', key }) };
}
