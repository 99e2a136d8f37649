// What abuse of a port looks like from outside: a client that floods until it is ended, and a proper one that must not notice.

import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { RawClient } from './raw-client.ts';
import { GrpcClient, paths, type TransportScene } from './transport-scene.ts';

export interface Flood {
  /** The abuser was ended before it had sent all. */
  readonly ended: boolean;
  /** Frames that it had handed to the system until then. */
  readonly sent: number;
  /** By which GOAWAY. */
  readonly code: RawClient['goawayCode'];
}

const perTurn = 250;
/** Failure bound: a server that has not ended it by then does not. */
const patienceMs = 15_000;

/** Sends `frame(0)`, `frame(1)`, … until the connection ends or says farewell, or `count` were sent and answered. */
export async function flood(client: RawClient, count: number, frame: (index: number) => Buffer): Promise<Flood> {
  let sent = 0;
  while (sent < count && !client.closed && client.goawayCode === undefined) {
    const turn = Math.min(perTurn, count - sent);
    await client.flush(...Array.from({ length: turn }, (_, index) => frame(sent + index)));
    sent += turn;
    // What has come meanwhile is read before more is sent.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const ended = client.closed || client.goawayCode !== undefined;
  if (!ended) {
    // All has been sent; a server that ends it only now has still seen through it.
    await Promise.race([client.roundTrip().catch(() => undefined), client.end()]);
  }
  const isOver = client.closed || client.goawayCode !== undefined;
  if (isOver) await client.end();
  return { ended: isOver, sent, code: client.goawayCode };
}

/**
 * Sends `frames(0)`, `frames(1)`, … and reads nothing, until the server ends the connection; then reads what is there. Resolves to how
 * many times it has sent.
 */
export async function floodUnread(client: RawClient, frames: (index: number) => Buffer): Promise<number> {
  const { socket } = client;
  socket.pause();
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const late = delay(patienceMs, undefined, { ref: false });
  let sent = 0;
  const deadline = performance.now() + patienceMs;
  for (; !socket.destroyed && performance.now() < deadline; sent += 1) {
    const written = new Promise<void>((resolve) => socket.write(frames(sent), () => resolve()));
    await Promise.race([written, closed, late]);
  }
  return sent;
}

/** A client with a connection of its own, which is served before, during and after whatever `abuse` does. */
export async function whileOthersAreServed<T>(scene: TransportScene, abuse: () => Promise<T>): Promise<T> {
  using bystander = new GrpcClient(scene.port.port);
  const serve = async (): Promise<void> => {
    const sent = Buffer.from('a proper call');
    const { code, messages } = await bystander.call(paths.echo, [sent]);
    expect([code, messages.map(String)]).toEqual([0, ['a proper call']]);
  };
  await serve();
  const meanwhile = new AbortController();
  const served = (async (): Promise<number> => {
    let calls = 0;
    for (; !meanwhile.signal.aborted; calls += 1) await serve();
    return calls;
  })();
  try {
    return await abuse();
  } finally {
    meanwhile.abort();
    await served;
    await serve();
  }
}
