// Server certificates of one root, and which of them a port shows to a client.

import { once } from 'node:events';
import { connect } from 'node:tls';
import type { ServerCertificate } from '../../../server/grpc/rotating-server-tls.ts';
import { Openssl } from '../../support/openssl.ts';

export interface ServerCertificates extends AsyncDisposable {
  readonly root: string;
  /** One whose common name is `name`. */
  issue(name: string): Promise<ServerCertificate>;
}

export async function serverCertificates(): Promise<ServerCertificates> {
  const openssl = await Openssl.create();
  const make = async (name: string, ...options: readonly string[]): Promise<void> => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
    await openssl.run('req', '-x509', '-days', '2', ...key, '-out', `${name}.pem`, ...options);
  };
  await make('root', '-subj', '/O=root');
  const root = await openssl.run('x509', '-in', 'root.pem');
  return {
    root,
    issue: async (name) => {
      const signed = ['-CA', 'root.pem', '-CAkey', 'root.key', '-addext', 'basicConstraints=critical,CA:FALSE'];
      await make(name, '-subj', `/CN=${name}`, ...signed, '-addext', 'subjectAltName=IP:127.0.0.1');
      const chain = await openssl.run('x509', '-in', `${name}.pem`);
      return { chain, key: await openssl.run('pkey', '-in', `${name}.key`), clientRoots: root };
    },
    [Symbol.asyncDispose]: () => openssl[Symbol.asyncDispose](),
  };
}

/** The common name of the certificate that the port shows. `address`: `HOST:PORT`. */
export async function shownName(address: string, root: string): Promise<string | undefined> {
  const [host = '', port = ''] = address.split(':');
  const socket = connect({ host, port: Number(port), ca: root, ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  const name = socket.getPeerCertificate().subject.CN;
  socket.destroy();
  return Array.isArray(name) ? name[0] : name;
}
