// Frames that are about the connection, or tell no more of a stream than how much it may be sent: SETTINGS, PING, GOAWAY, WINDOW_UPDATE and
// PRIORITY (RFC 9113, section 6). In: frames of a client. Out: answers, windows, or a fault. Each is charged, since none moves anything.

import { protocolError, streamFault, type Fault } from './faults.ts';
import type { FloodBudget } from './flood-budget.ts';
import { settingsOf } from './frame-payloads.ts';
import type { Frame } from './frame-reader.ts';
import { defaultMaxFrameBytes, defaultWindowBytes, errorCodes, flags } from './frame-types.ts';
import { pingAnswer, settingsAnswer } from './frames.ts';
import type { Output } from './output.ts';
import type { Pings } from './pings.ts';
import type { StreamTable } from './stream-table.ts';

export interface ControlFramesOptions {
  readonly streams: StreamTable;
  readonly output: Output;
  readonly budget: FloodBudget;
  readonly pings: Pings;
}

export class ControlFrames {
  readonly #options: ControlFramesOptions;
  #maxFrameBytes = defaultMaxFrameBytes;
  #initialSendBytes = defaultWindowBytes;

  constructor(options: ControlFramesOptions) {
    this.#options = options;
  }

  /** Of one payload, as the client takes it. */
  get maxFrameBytes(): number {
    return this.#maxFrameBytes;
  }

  /** The client's window for a stream that begins. */
  get initialSendBytes(): number {
    return this.#initialSendBytes;
  }

  settings(frame: Frame): Fault | undefined {
    const { output, budget } = this.#options;
    const settings = settingsOf(frame);
    if ('code' in settings) return settings;
    if (settings.answer) return budget.charge('SETTINGS frames');
    if (settings.maxFrameBytes !== undefined) this.#maxFrameBytes = settings.maxFrameBytes;
    output.control(settingsAnswer());
    const { initialWindowBytes } = settings;
    if (initialWindowBytes !== undefined) {
      const fault = this.#changeWindows(initialWindowBytes);
      if (fault !== undefined) return fault;
    }
    return budget.charge('SETTINGS frames');
  }

  ping({ streamId, flags: pingFlags, payload }: Frame): Fault | undefined {
    const { output, pings, budget } = this.#options;
    if (streamId !== 0) return protocolError('PING of a stream');
    if (payload.length !== 8) return { code: errorCodes.frameSizeError, reason: 'a PING frame has 8 bytes' };
    if ((pingFlags & flags.ack) !== 0) pings.answered(payload);
    else output.control(pingAnswer(payload));
    return budget.charge('PING frames');
  }

  goAway({ streamId, payload }: Frame): Fault | undefined {
    if (streamId !== 0) return protocolError('GOAWAY of a stream');
    if (payload.length < 8) return { code: errorCodes.frameSizeError, reason: 'a GOAWAY frame has 8 bytes' };
    // It goes when its streams have ended; nothing is opened from this side.
    return this.#options.budget.charge('GOAWAY frames');
  }

  windowUpdate({ streamId, payload }: Frame): Fault | undefined {
    const { streams, output, budget } = this.#options;
    if (payload.length !== 4) return { code: errorCodes.frameSizeError, reason: 'a WINDOW_UPDATE frame has 4 bytes' };
    const increment = payload.readUInt32BE(0) & 0x7fffffff;
    if (streamId !== 0 && streams.isIdle(streamId)) return protocolError('WINDOW_UPDATE of no stream');
    if (increment === 0) {
      const fault = protocolError('a window that grows by nothing');
      return streamId === 0 ? fault : streamFault(streamId, fault.code, fault.reason);
    }
    if (streamId === 0) {
      if (!output.grow(increment)) return { code: errorCodes.flowControlError, reason: 'the window is too large' };
    } else {
      const fault = streams.get(streamId)?.growSendWindow(increment);
      if (fault !== undefined) return fault;
    }
    return budget.charge('WINDOW_UPDATE frames');
  }

  priority({ streamId, payload }: Frame): Fault | undefined {
    if (streamId === 0) return protocolError('PRIORITY of no stream');
    if (payload.length !== 5) return streamFault(streamId, errorCodes.frameSizeError, 'a PRIORITY frame has 5 bytes');
    if ((payload.readUInt32BE(0) & 0x7fffffff) === streamId) {
      return streamFault(streamId, errorCodes.protocolError, 'it depends on itself');
    }
    return this.#options.budget.charge('PRIORITY frames');
  }

  /** Those of all streams change with that of new ones; too large a one is the fault of the connection. */
  #changeWindows(initialBytes: number): Fault | undefined {
    const change = initialBytes - this.#initialSendBytes;
    this.#initialSendBytes = initialBytes;
    for (const stream of this.#options.streams.all()) {
      const fault = stream.growSendWindow(change);
      if (fault !== undefined) return { code: fault.code, reason: fault.reason };
    }
    return undefined;
  }
}
