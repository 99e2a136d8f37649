// Who is on the other end of an HTTP/2 connection, read once when it is first asked for.

import { TLSSocket } from 'node:tls';
import type { Socket } from 'node:net';
import type { ClientCertificate, ConnectionPeer } from './http-stream.ts';

/** A certificate counts when the handshake proved it: a chain to a trusted root, in its time. */
export function connectionPeer(socket: Socket): ConnectionPeer {
  const address = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? ''}`;
  return { address, certificate: socket instanceof TLSSocket && socket.authorized ? certificateOf(socket) : undefined };
}

function certificateOf(socket: TLSSocket): ClientCertificate | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  return { der: certificate.raw, uris: urisOf(certificate.subjectAltName ?? '') };
}

/** `URI:spiffe://…` in Node's text form of the alternative names. */
function urisOf(alternativeNames: string): readonly string[] {
  return alternativeNames
    .split(', ')
    .filter((name) => name.startsWith('URI:'))
    .map((name) => name.slice('URI:'.length));
}
