// What is in the payload of a client's frame (RFC 9113, section 6): data without its padding, a fragment of a header block,
// settings that concern a server.

import { flowControlError, frameSizeError, protocolError, type Fault } from './faults.ts';
import type { Frame } from './frame-reader.ts';
import { defaultMaxFrameBytes, flags, largestMaxFrameBytes, largestWindowBytes, settingIds } from './frame-types.ts';

/** Data of a DATA frame. */
export function dataOf(frame: Frame): Buffer | Fault {
  return frame.streamId === 0 ? protocolError('DATA of no stream') : withoutPadding(frame);
}

/** The beginning of a header block, from a HEADERS frame. */
export function headerFragmentOf(frame: Frame): Buffer | Fault {
  const bytes = withoutPadding(frame);
  if (!Buffer.isBuffer(bytes) || (frame.flags & flags.priority) === 0) return bytes;
  if (bytes.length < 5) return frameSizeError('HEADERS without the priority that they announce');
  // Priorities are not followed, but this is an error; of the whole connection, since the block may be needed by later ones.
  if ((bytes.readUInt32BE(0) & 0x7fffffff) === frame.streamId) return protocolError('a stream depends on itself');
  return bytes.subarray(5);
}

export interface ClientSettings {
  /** It answers the server's. */
  readonly answer: boolean;
  /** Undefined: as before. */
  readonly initialWindowBytes?: number | undefined;
  readonly maxFrameBytes?: number | undefined;
}

export function settingsOf({ streamId, flags: settingsFlags, payload }: Frame): ClientSettings | Fault {
  if (streamId !== 0) return protocolError('SETTINGS of a stream');
  const answer = (settingsFlags & flags.ack) !== 0;
  if (answer && payload.length > 0) return frameSizeError('an answer to SETTINGS is empty');
  if (payload.length % 6 !== 0) return frameSizeError('a SETTINGS frame has six bytes for each');
  let initialWindowBytes: number | undefined;
  let maxFrameBytes: number | undefined;
  for (let offset = 0; offset < payload.length; offset += 6) {
    const value = payload.readUInt32BE(offset + 2);
    switch (payload.readUInt16BE(offset)) {
      case settingIds.enablePush:
        if (value > 1) return protocolError('ENABLE_PUSH is 0 or 1');
        break;
      case settingIds.initialWindowSize:
        if (value > largestWindowBytes) return flowControlError('INITIAL_WINDOW_SIZE is too large');
        initialWindowBytes = value;
        break;
      case settingIds.maxFrameSize:
        if (value < defaultMaxFrameBytes || value > largestMaxFrameBytes)
          return protocolError('MAX_FRAME_SIZE is out of range');
        maxFrameBytes = value;
        break;
      default:
      // Concerns what this server does not do, or is unknown and to be ignored.
    }
  }
  return { answer, initialWindowBytes, maxFrameBytes };
}

function withoutPadding({ flags: frameFlags, payload }: Frame): Buffer | Fault {
  if ((frameFlags & flags.padded) === 0) return payload;
  const [padding] = payload;
  if (padding === undefined) return frameSizeError('a padded frame without the length of its padding');
  if (padding >= payload.length) return protocolError('more padding than payload');
  return payload.subarray(1, payload.length - padding);
}
