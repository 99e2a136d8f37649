// The books of flow control from the client's side. In: what the client announced and sent, and the frames that came. Out: what the
// server has overdrawn, which must be nothing, and how much the client may still send.

import { flags, frameTypes, settingIds, type Frame, type Settings } from './raw-frames.ts';

const defaultWindowBytes = 65_535;
const defaultFrameBytes = 16_384;

/** The windows of one direction; stream 0 is the connection. They can be negative. */
class Windows {
  readonly #streams = new Map<number, number>();
  #initial = defaultWindowBytes;
  #connection = defaultWindowBytes;

  get(streamId: number): number {
    return streamId === 0 ? this.#connection : (this.#streams.get(streamId) ?? this.#initial);
  }

  add(streamId: number, bytes: number): void {
    if (streamId === 0) this.#connection += bytes;
    else this.#streams.set(streamId, this.get(streamId) + bytes);
  }

  /** "MUST adjust the size of all stream flow-control windows that it maintains by the difference" (RFC 9113, 6.9.2) */
  begin(initial: number): void {
    for (const [streamId, window] of this.#streams) this.#streams.set(streamId, window + initial - this.#initial);
    this.#initial = initial;
  }
}

export class FlowLedger {
  /** In words; empty as long as the server keeps the rules. */
  readonly violations: string[] = [];
  /** Settings that the server has not acknowledged yet, oldest first: until then the old ones hold. */
  readonly #announced: Settings[] = [];
  readonly #server = new Windows();
  readonly #client = new Windows();
  #maxFrameBytes = defaultFrameBytes;

  announce(settings: Settings): void {
    this.#announced.push(settings);
  }

  /** The client has sent a WINDOW_UPDATE. */
  grant(streamId: number, bytes: number): void {
    this.#server.add(streamId, bytes);
  }

  /** The client has sent DATA with so many bytes, padding included. */
  spend(streamId: number, bytes: number): void {
    for (const id of [0, streamId]) this.#client.add(id, -bytes);
  }

  /** What the client may send on the stream now. */
  room(streamId: number): number {
    return Math.min(this.#client.get(0), this.#client.get(streamId));
  }

  /** What the server may send on the stream now. */
  serverRoom(streamId: number): number {
    return Math.min(this.#server.get(0), this.#server.get(streamId));
  }

  received(frame: Frame): void {
    const { type, streamId, payload } = frame;
    if (payload.length > this.#maxFrameBytes) {
      this.violations.push(`a frame of ${payload.length} bytes, ${this.#maxFrameBytes} are allowed`);
    }
    if (type === frameTypes.windowUpdate) this.#client.add(streamId, payload.readUInt32BE(0));
    if (type === frameTypes.settings) {
      if ((frame.flags & flags.ack) === 0) this.#takeSettings(payload);
      else this.#acknowledged();
    }
    if (type !== frameTypes.data) return;
    for (const id of [0, streamId]) {
      this.#server.add(id, -payload.length);
      const left = this.#server.get(id);
      // "A sender MUST NOT send a flow-controlled frame with a length that exceeds the space available in either of the windows"
      if (payload.length > 0 && left < 0) this.violations.push(`window ${id} is overdrawn by ${-left} bytes`);
    }
  }

  #takeSettings(payload: Buffer): void {
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) === settingIds.initialWindowSize) this.#client.begin(payload.readUInt32BE(at + 2));
    }
  }

  #acknowledged(): void {
    const settings = this.#announced.shift();
    if (settings === undefined) {
      this.violations.push('settings were acknowledged that were never sent');
      return;
    }
    this.#maxFrameBytes = settings.maxFrameSize ?? this.#maxFrameBytes;
    if (settings.initialWindowSize !== undefined) this.#server.begin(settings.initialWindowSize);
  }
}
