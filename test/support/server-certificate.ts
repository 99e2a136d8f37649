// Certificates of servers and clients outside the mesh, made with `openssl`: an authority of its own, and leaves under it.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Openssl } from './openssl.ts';

export interface LeafFiles {
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface OutsideAuthority extends AsyncDisposable {
  readonly rootPem: string;
  /** A leaf for this DNS name, good for 30 days. */
  leaf(name: string): Promise<LeafFiles>;
}

export async function makeOutsideAuthority(): Promise<OutsideAuthority> {
  const openssl = await Openssl.create();
  const read = (name: string): Promise<string> => readFile(join(openssl.dir, name), 'utf8');
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl.run(
    'req',
    '-x509',
    ...curve,
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-days',
    '30',
    '-subj',
    '/CN=outside',
  );
  let serial = 0;
  return {
    rootPem: await read('ca.crt'),
    leaf: async (name) => {
      serial += 1;
      const base = `leaf${serial}`;
      await openssl.write({ [`${base}.ext`]: `subjectAltName=DNS:${name}\n` });
      await openssl.run(
        'req',
        '-new',
        ...curve,
        '-keyout',
        `${base}.key`,
        '-out',
        `${base}.csr`,
        '-subj',
        `/CN=${name}`,
      );
      const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-set_serial', String(serial), '-days', '30'];
      await openssl.run('x509', '-req', '-in', `${base}.csr`, ...by, '-extfile', `${base}.ext`, '-out', `${base}.crt`);
      return { certificatePem: await read(`${base}.crt`), keyPem: await read(`${base}.key`) };
    },
    [Symbol.asyncDispose]: () => openssl[Symbol.asyncDispose](),
  };
}
