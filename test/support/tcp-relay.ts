// A TCP relay that can be cut and slowed. Cut: connections end, and new ones are closed at once, until it is mended. Slowed: every
// piece of data arrives later. In: the port on loopback that it stands for. Out: its own port, or a Unix socket.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export class TcpRelay implements AsyncDisposable {
  readonly #server = createServer((client) => this.#relay(client));
  readonly #sockets = new Set<Socket>();
  readonly #target: number;
  #isCut = false;
  #delayMs = 0;

  constructor(target: number) {
    this.#target = target;
  }

  /** Its port. */
  async listen(): Promise<number> {
    await new Promise<void>((done) => {
      this.#server.listen(0, '127.0.0.1', done);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** A Unix socket is reached from every network namespace. */
  async listenAt(socketPath: string): Promise<void> {
    await new Promise<void>((done) => {
      this.#server.listen(socketPath, done);
    });
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  /** From now on everything takes this much longer in each direction; 0 ends it. */
  slow(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((done) => {
      this.#server.close(done);
    });
  }

  #relay(client: Socket): void {
    if (this.#isCut) {
      client.destroy();
      return;
    }
    const target = connect(this.#target, '127.0.0.1');
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      void this.#carry(socket, other);
    }
  }

  /** One piece after another: what follows a delayed one never overtakes it. */
  async #carry(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const piece of from) {
        if (this.#delayMs > 0) await delay(this.#delayMs);
        if (to.destroyed) return;
        if (!to.write(piece as Buffer)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
      }
      to.end();
    } catch {
      to.destroy();
    }
  }
}
