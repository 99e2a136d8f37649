// The TLS port of the webhooks. In: a handler and certificates as they are renewed. Out: a port that serves until a signal aborts;
// a renewed certificate is used for new connections, and those that exist keep theirs.

import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import { serverCertificates, type ServerCertificateOptions } from '../../ca/server-certificate.ts';

export interface WebhookServerOptions {
  readonly bind: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly handler: RequestListener;
  readonly certificates: Omit<ServerCertificateOptions, 'signal'>;
}

export interface WebhookServer {
  readonly port: number;
  /** Resolves when the signal has aborted and no request is open. */
  readonly stopped: Promise<void>;
}

/** A flood of connections waits in the kernel instead of in our memory. */
const maxConnections = 512;
/** API servers wait 30 seconds at most. */
const requestTimeoutMs = 30_000;
const graceMs = 1000;

/** Listens once there is a certificate. Rejects when the address can't be had, or the signal aborts first. */
export async function openWebhookServer(options: WebhookServerOptions, signal: AbortSignal): Promise<WebhookServer> {
  const { bind, port, handler, certificates } = options;
  const server = createServer({ minVersion: 'TLSv1.2', requestTimeout: requestTimeoutMs }, handler);
  server.maxConnections = maxConnections;
  const end = new AbortController();
  const renewals = serverCertificates({ ...certificates, signal: AbortSignal.any([signal, end.signal]) });
  const first = await renewals.next();
  if (first.done === true) throw new Error('stopped before there was a server certificate');
  server.setSecureContext(contextOf(first.value));
  try {
    server.listen(port, bind);
    await once(server, 'listening');
  } catch (error) {
    end.abort();
    throw error;
  }
  const renewing = renew(server, renewals);
  const address = server.address();
  const stopped = closeOnAbort(server, signal);
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    stopped: Promise.all([renewing, stopped]).then(() => undefined),
  };
}

type Renewals = ReturnType<typeof serverCertificates>;
type Certificate = Exclude<Awaited<ReturnType<Renewals['next']>>['value'], void>;

function contextOf({ certificatePem, keyPem }: Certificate): { readonly cert: string; readonly key: string } {
  return { cert: certificatePem, key: keyPem };
}

async function renew(server: Server, renewals: Renewals): Promise<void> {
  for await (const certificate of renewals) server.setSecureContext(contextOf(certificate));
}

async function closeOnAbort(server: Server, signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const deadline = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(deadline);
}
