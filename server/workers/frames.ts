// What the main process and a worker say to each other about streams: frames on one socket, in order. A frame is a gRPC-framed
// message (a zero byte, four bytes of length) that holds a byte for its kind, four bytes for what it is about, and its body.

/** About a port (by its number), a shared payload, a stream, or a question. */
export const toWorker = {
  /** A port: limits, and a server certificate or none. */
  openPort: 1,
  /** A port: its new server certificate. */
  certificate: 2,
  /** A port: clients are told to go elsewhere. */
  leavePort: 3,
  /** A port: all connections that are left are cut. */
  destroyPort: 4,
  /** A payload: bytes that several streams may be sent. */
  define: 5,
  /** A payload: it is not mentioned again. */
  forget: 6,
  /** A stream: so many more bytes may be read of it. The first one begins to read. */
  credit: 10,
  respond: 11,
  /** A stream: a gRPC message in parts. Four bytes for each: the number of a payload, or the length of what follows. */
  message: 12,
  end: 13,
  reset: 14,
  leaveConnection: 15,
  /** A question, to be answered when its turn comes. */
  ask: 20,
} as const;

export const toMain = {
  /** A stream: port, who is on the other end, headers. */
  opened: 10,
  data: 11,
  /** A stream: the client sends nothing more. */
  ended: 12,
  /** A stream: so many more messages are on their way to the client. */
  taken: 13,
  closed: 14,
  /** A stream: the status that the transport ends it with. */
  interrupted: 15,
  /** A question: what the worker has used so far. */
  answer: 20,
  /** A port: a connection to it is gone. */
  connectionGone: 21,
} as const;

/** Set in the four bytes of a message's part that name a payload. */
export const payloadFlag = 0x8000_0000;

export const frameHeaderBytes = 10;

/** No frame is longer; a message of state of the world, with all its resources, is one frame. */
export const maxFrameBytes = 1024 * 1024 * 1024;
