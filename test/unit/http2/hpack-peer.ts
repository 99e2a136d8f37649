// A server that knows frames and nothing else, for the client of node:http2: it hands over the header blocks that the
// client sends, and answers each with a block that it is given.

import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import { createServer, type AddressInfo, type Socket } from 'node:net';

const frameTypes = { headers: 1, settings: 4, continuation: 9 } as const;
const ackFlag = 1;
const endStreamFlag = 1;
const endHeadersFlag = 4;
const paddedFlag = 8;
const priorityFlag = 0x20;
const prefaceBytes = 24;
const frameHeaderBytes = 9;

export interface HpackPeer extends AsyncDisposable {
  readonly client: ClientHttp2Session;
  /** In the order in which they came. */
  readonly blocks: readonly Buffer[];
}

export interface HpackPeerOptions {
  /** SETTINGS_HEADER_TABLE_SIZE, which the client has read when this returns. */
  readonly tableBytes?: number;
  /** What each request is answered with. */
  readonly answer: Buffer;
}

export async function openHpackPeer({ tableBytes = 4096, answer }: HpackPeerOptions): Promise<HpackPeer> {
  const blocks: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(frame(frameTypes.settings, 0, 0, tableSetting(tableBytes)));
    const onBlock = (streamId: number, block: Buffer): void => {
      blocks.push(block);
      socket.write(frame(frameTypes.headers, endHeadersFlag | endStreamFlag, streamId, answer));
    };
    readFrames(socket, onBlock);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect(`http://127.0.0.1:${port}`, { maxSendHeaderBlockLength: 2 ** 20 });
  client.on('error', () => undefined);
  await once(client, 'remoteSettings');
  return {
    client,
    blocks,
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function readFrames(socket: Socket, onBlock: (streamId: number, block: Buffer) => void): void {
  let received = Buffer.alloc(0);
  let prefaceRead = false;
  let parts: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (!prefaceRead) {
      if (received.length < prefaceBytes) return;
      received = received.subarray(prefaceBytes);
      prefaceRead = true;
    }
    while (received.length >= frameHeaderBytes) {
      const length = received.readUIntBE(0, 3);
      if (received.length < frameHeaderBytes + length) return;
      const [type = 0, flags = 0] = received.subarray(3, 5);
      const streamId = received.readUInt32BE(5);
      const payload = received.subarray(frameHeaderBytes, frameHeaderBytes + length);
      received = received.subarray(frameHeaderBytes + length);
      if (type === frameTypes.settings && (flags & ackFlag) === 0) socket.write(frame(frameTypes.settings, ackFlag, 0));
      if (type !== frameTypes.headers && type !== frameTypes.continuation) continue;
      parts.push(type === frameTypes.headers ? blockOf(payload, flags) : payload);
      if ((flags & endHeadersFlag) === 0) continue;
      onBlock(streamId, Buffer.concat(parts));
      parts = [];
    }
  });
}

function blockOf(payload: Buffer, flags: number): Buffer {
  const padding = (flags & paddedFlag) === 0 ? 0 : (payload[0] ?? 0);
  const start = ((flags & paddedFlag) === 0 ? 0 : 1) + ((flags & priorityFlag) === 0 ? 0 : 5);
  return payload.subarray(start, payload.length - padding);
}

function frame(type: number, flags: number, streamId: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

function tableSetting(bytes: number): Buffer {
  const setting = Buffer.alloc(6);
  setting.writeUInt16BE(1, 0);
  setting.writeUInt32BE(bytes, 2);
  return setting;
}
