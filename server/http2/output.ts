// What goes onto a connection's socket: one piece of a stream's data at a time, streams in turns, within the client's window for
// the connection; answers and other control frames whenever there are any, together with what is written anyway.

import type { Socket } from 'node:net';
import type { FloodBudget } from './flood-budget.ts';
import { defaultWindowBytes } from './frame-types.ts';
import { SendWindow } from './send-window.ts';

/** What goes onto the wire at once. */
export interface Piece {
  readonly buffers: readonly Uint8Array[];
  /** Of them, those that count for flow control. */
  readonly bytes: number;
  /** Called when it is on its way. */
  readonly taken: (() => void) | undefined;
}

/** A stream, as far as it matters here. */
export interface Sender {
  readonly closed: boolean;
  readonly wantsToSend: boolean;
  nextPiece(room: number): Piece | undefined;
}

export interface OutputOptions {
  /** At most so much of a stream is handed to the socket at once. */
  readonly maxPieceBytes: number;
  /** What is sent earns the client what it takes to answer it. */
  readonly budget: FloodBudget;
  /** The client has much answered and reads none of it. */
  readonly onStuck: () => void;
}

/** Of answers that a client asks for and does not read, beside one piece. */
const maxUnsentBytes = 256 * 1024;

export class Output {
  readonly #socket: Socket;
  readonly #maxPieceBytes: number;
  readonly #budget: FloodBudget;
  readonly #onStuck: () => void;
  readonly #window = new SendWindow(defaultWindowBytes);
  /** In the order in which they get their turn. */
  readonly #ready = new Set<Sender>();
  /** Those that had their turn while the client took nothing on the connection, in that order; else empty. */
  readonly #shutOut = new Set<Sender>();
  readonly #control: Buffer[] = [];
  #held = false;
  /** Whose piece is being written. */
  #writing: Sender | undefined;
  #taken: (() => void) | undefined;

  constructor(socket: Socket, { maxPieceBytes, budget, onStuck }: OutputOptions) {
    this.#socket = socket;
    this.#maxPieceBytes = maxPieceBytes;
    this.#budget = budget;
    this.#onStuck = onStuck;
  }

  /** Whether a stream may write so much at once. While another write is under way it waits for its turn. */
  hasRoom(flowBytes: number): boolean {
    return this.#writing === undefined && flowBytes <= this.#window.left && this.#ready.size === 0;
  }

  /** Control frames are gathered until `flush`. */
  hold(): void {
    this.#held = true;
  }

  flush(): void {
    this.#held = false;
    const control = this.#takeControl();
    if (control === undefined) return;
    this.#socket.write(control);
    if (this.#socket.writableLength > maxUnsentBytes + this.#maxPieceBytes) this.#onStuck();
  }

  control(frame: Buffer): void {
    this.#control.push(frame);
    if (!this.#held) this.flush();
  }

  /** The client takes more on the connection. False when the window would be larger than it may be. */
  grow(byBytes: number): boolean {
    if (!this.#window.grow(byBytes)) return false;
    for (const sender of this.#shutOut) this.#ready.add(sender);
    this.#shutOut.clear();
    this.#sendNext();
    return true;
  }

  /** Writes what it has room for. `flowBytes`: of it, what counts for flow control. */
  writeNow(sender: Sender, bytes: Buffer, flowBytes: number, taken: () => void): void {
    this.#begin(sender, flowBytes, taken);
    if (this.#control.length === 0) this.#socket.write(bytes, this.#written);
    else this.#socket.write(Buffer.concat([...this.#control.splice(0), bytes]), this.#written);
  }

  /** It has something to send, or may send again. */
  ready(sender: Sender): void {
    if (!sender.wantsToSend) return;
    this.#ready.add(sender);
    this.#sendNext();
  }

  /** It sends nothing more. */
  forget(sender: Sender): void {
    this.#ready.delete(sender);
    this.#shutOut.delete(sender);
  }

  #sendNext(): void {
    while (this.#writing === undefined) {
      const [sender] = this.#ready;
      if (sender === undefined) return;
      this.#ready.delete(sender);
      const room = Math.min(this.#window.left, this.#maxPieceBytes);
      const piece = sender.nextPiece(room);
      if (piece === undefined) {
        // One whose own window is shut comes again when it opens.
        if (room <= 0 && sender.wantsToSend) this.#shutOut.add(sender);
        continue;
      }
      if (sender.wantsToSend) this.#ready.add(sender);
      this.#write(sender, piece);
    }
  }

  #write(sender: Sender, { buffers, bytes, taken }: Piece): void {
    this.#begin(sender, bytes, taken);
    const control = this.#takeControl();
    const socket = this.#socket;
    socket.cork();
    if (control !== undefined) socket.write(control);
    const last = buffers.length - 1;
    for (const [index, buffer] of buffers.entries()) {
      if (index === last) socket.write(buffer, this.#written);
      else socket.write(buffer);
    }
    socket.uncork();
  }

  #begin(sender: Sender, bytes: number, taken: (() => void) | undefined): void {
    this.#window.take(bytes);
    this.#writing = sender;
    this.#taken = taken;
    this.#budget.earn(bytes, taken !== undefined);
  }

  readonly #written = (error?: Error | null): void => {
    const sender = this.#writing;
    const taken = this.#taken;
    this.#writing = undefined;
    this.#taken = undefined;
    if (error !== undefined && error !== null) return;
    // What a stream that was reset gives back was not taken.
    if (sender?.closed === false) taken?.();
    this.#sendNext();
  };

  #takeControl(): Buffer | undefined {
    if (this.#control.length < 2) return this.#control.pop();
    return Buffer.concat(this.#control.splice(0));
  }
}
