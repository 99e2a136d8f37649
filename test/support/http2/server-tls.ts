// TLS for a port of a test: an authority, the port's certificate, and what a client needs to trust it or to be somebody.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { RotatingServerTls } from '../../../server/grpc/rotating-server-tls.ts';
import { Openssl } from '../openssl.ts';

export interface TestTls {
  readonly port: RotatingServerTls;
  /** For a client that shows no certificate. */
  readonly anonymous: ConnectionOptions;
  /** For a client with a certificate of this SPIFFE identity. */
  readonly known: ConnectionOptions & { readonly ca: string; readonly cert: string; readonly key: string };
}

export const clientIdentity = 'spiffe://cluster.local/ns/default/sa/client';

export async function makeTls(): Promise<TestTls> {
  await using openssl = await Openssl.create();
  const read = (name: string): Promise<string> => readFile(join(openssl.dir, name), 'utf8');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  await openssl.run('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=test');
  const leaf = async (name: string, alternative: string): Promise<{ readonly cert: string; readonly key: string }> => {
    const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`, '-CA', 'ca.crt', '-CAkey', 'ca.key'];
    await openssl.run('req', '-x509', ...key, ...files, '-subj', `/CN=${name}`, '-addext', alternative);
    return { cert: await read(`${name}.crt`), key: await read(`${name}.key`) };
  };
  const ca = await read('ca.crt');
  const server = await leaf('server', 'subjectAltName=IP:127.0.0.1,DNS:localhost');
  const client = await leaf('client', `subjectAltName=URI:${clientIdentity}`);
  return {
    port: new RotatingServerTls({ chain: server.cert, key: server.key, clientRoots: ca }),
    anonymous: { ca, servername: 'localhost' },
    known: { ca, servername: 'localhost', ...client },
  };
}
