// Tests with a connection of its own that redirection works here, for pods whose rules somebody else sets. It has to run as the proxy's user
// and before the proxy: what that user sends to the pod's own address comes back to the inbound port. In: the ports. Out: nothing; an
// AgentError when it does not come back in time.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { AgentError, reasonOf } from '../agent-error.ts';

export type ValidateOptions = {
  readonly inboundPort: number;
  /** Nobody listens there. */
  readonly probePort: number;
  readonly timeoutMs: number;
};

const retryMs = 100;

/** Throws AgentError `not-intercepted`. */
export async function validateInterception({ inboundPort, probePort, timeoutMs }: ValidateOptions): Promise<void> {
  const word = randomUUID();
  const server = await listen(inboundPort, word);
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    for (const address of ownAddresses()) {
      while (!(await answers({ address, port: probePort, word, deadline }))) {
        if (deadline.aborted)
          throw notIntercepted(`a connection to ${address} port ${probePort} did not arrive at port ${inboundPort}`);
        await delay(retryMs, undefined, { signal: deadline }).catch(() => {});
      }
    }
  } finally {
    server.close();
  }
}

async function listen(port: number, word: string): Promise<Server> {
  const server = createServer((connection) => connection.on('error', () => {}).end(word));
  try {
    server.listen(port); // Of both families where there are two.
    await once(server, 'listening');
    return server;
  } catch (error) {
    throw notIntercepted(`port ${port} can't be listened on (${reasonOf(error)}); it has to run before the proxy`);
  }
}

type Probe = { readonly address: string; readonly port: number; readonly word: string; readonly deadline: AbortSignal };

async function answers({ address, port, word, deadline }: Probe): Promise<boolean> {
  const connection = connect({ host: address, port, signal: deadline });
  try {
    let heard = '';
    for await (const piece of connection) heard += String(piece);
    return heard === word;
  } catch {
    return false; // Refused: not redirected, or not yet.
  } finally {
    connection.destroy();
  }
}

/** The first of each family. */
function ownAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const reachable = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  const first = (['IPv4', 'IPv6'] as const).flatMap((family) => reachable.find((one) => one.family === family) ?? []);
  if (first.length === 0) throw notIntercepted('no network device has an address');
  return first.map(({ address }) => address);
}

function notIntercepted(why: string): AgentError {
  return new AgentError(
    'not-intercepted',
    `traffic of this pod is not redirected to the proxy: ${why}; is the CNI plugin that sets the rules ready on this node?`,
  );
}
