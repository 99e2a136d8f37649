// A socket between the main process and a worker: frames in and out. What is written in one turn of the event loop goes out at
// its end, together.

import type { Duplex } from 'node:stream';
import { MessageReader } from '../grpc/message-reader.ts';
import { FrameBatch } from './frame-batch.ts';
import { maxFrameBytes } from './frames.ts';

export interface FrameListener {
  /** `body`: memory of its own, or shared with other frames that came with it. */
  readonly frame: (kind: number, about: number, body: Buffer) => void;
  /** Told once: the other side is gone, or what it says can't be read. */
  readonly closed: (reason: string) => void;
}

export class FrameSocket {
  /** What is added here is sent. */
  readonly batch = new FrameBatch();
  readonly #socket: Duplex;
  #listener: FrameListener | undefined;
  #scheduled = false;
  #sentBytes = 0;
  #receivedBytes = 0;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Added, and not yet read by the other side's kernel. */
  get queuedBytes(): number {
    return this.batch.bytes + this.#socket.writableLength;
  }

  listen(listener: FrameListener): void {
    this.#listener = listener;
    const reader = new MessageReader(maxFrameBytes);
    const receive = (message: Uint8Array): boolean => {
      const frame = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
      listener.frame(frame.readUInt8(0), frame.readUInt32BE(1), frame.subarray(5));
      return !this.#socket.destroyed;
    };
    this.#socket.on('data', (chunk: Buffer) => {
      this.#receivedBytes += chunk.length;
      const wrong = reader.push(chunk, receive);
      if (wrong !== undefined) this.close(wrong.message);
    });
    this.#socket.on('error', () => undefined);
    this.#socket.once('end', () => this.close('the other side has closed'));
    this.#socket.once('close', () => this.close('the connection is closed'));
  }

  /** Called after adding to the batch. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  close(reason: string): void {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#socket.destroy();
    listener?.closed(reason);
  }

  #flush(): void {
    if (this.#socket.destroyed) return;
    this.#socket.cork();
    for (const chunk of this.batch.take()) {
      this.#sentBytes += chunk.length;
      this.#socket.write(chunk);
    }
    this.#socket.uncork();
  }
}
