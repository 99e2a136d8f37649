// Reads one small document over HTTP or HTTPS, at addresses that may be asked. In: its address and limits. Out: its text, or what went
// wrong; never an exception. Addresses are judged where the connection is made, so that no answer of DNS leads around them.

import { lookup as lookUp, type LookupAddress } from 'node:dns';
import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { isReachable, type ReachableAddresses } from './reachable-addresses.ts';

export interface DocumentLimits {
  readonly signal: AbortSignal;
  /** What `signal` ends after, for the message. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly addresses: ReachableAddresses;
}

export type ReadDocument =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'wrong'; readonly reason: string };

export async function readDocument(uri: string, limits: DocumentLimits): Promise<ReadDocument> {
  const { signal, timeoutMs } = limits;
  const wrong = (reason: string): ReadDocument => ({ kind: 'wrong', reason: `${uri} ${reason}` });
  try {
    const read = await textOf(await ask(new URL(uri), limits), limits);
    return read.kind === 'text' ? read : wrong(read.reason);
  } catch (error) {
    if (signal.aborted) return wrong(`did not answer within ${timeoutMs} ms`);
    return wrong(error instanceof NotReachable ? error.message : `can't be read: ${causeOf(error)}`);
  }
}

class NotReachable extends Error {
  override readonly name = 'NotReachable';

  constructor(address: string) {
    super(`is at ${address}, which key sets are not fetched from unless --jwks-allow says so`);
  }
}

function ask(url: URL, { signal, addresses }: DocumentLimits): Promise<IncomingMessage> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // Names are judged when they are looked up; addresses never are.
  if (isIP(host) !== 0 && !isReachable(host, addresses)) return Promise.reject(new NotReachable(host));
  const options: RequestOptions = {
    signal,
    lookup: reachable(addresses),
    agent: false,
    headers: { accept: 'application/json', 'accept-encoding': 'identity' },
  };
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? requestHttps : requestHttp;
    send(url, options, resolve).on('error', reject).end();
  });
}

/** As the system looks names up, without the addresses that may not be asked. */
function reachable(allowed: ReachableAddresses): LookupFunction {
  return (hostname, options, callback) => {
    lookUp(hostname, { ...options, all: true }, (error, found: readonly LookupAddress[]) => {
      if (error !== null) return callback(error, []);
      const addresses = found.filter(({ address }) => isReachable(address, allowed));
      const [first] = addresses;
      if (first === undefined) return callback(new NotReachable(found[0]?.address ?? 'no address'), []);
      return options.all === true ? callback(null, addresses) : callback(null, first.address, first.family);
    });
  };
}

async function textOf(response: IncomingMessage, { maxBytes }: DocumentLimits): Promise<ReadDocument> {
  const { statusCode = 0, headers } = response;
  const wrong = (reason: string): ReadDocument => {
    response.destroy();
    return { kind: 'wrong', reason };
  };
  if (statusCode >= 300 && statusCode < 400) {
    return wrong('answers with a redirection, which is not followed: name the address that it leads to');
  }
  if (statusCode < 200 || statusCode > 299) return wrong(`answers with status ${statusCode}`);
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') return wrong('answers compressed, unasked');
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response) {
    if (!(chunk instanceof Uint8Array)) continue;
    size += chunk.byteLength;
    if (size > maxBytes) return wrong(`sends more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return { kind: 'text', text: Buffer.concat(chunks).toString('utf8') };
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.errors.length > 0) return causeOf(error.errors[0]);
  return error.message || error.name;
}
