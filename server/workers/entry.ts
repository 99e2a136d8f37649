// The program of a worker, started by the main process: connections come over the channel for messages, all else over the socket
// that is its fourth file. It ends when the main process does, however that ends, and not by the signals that a terminal or a supervisor
// sends to all processes: the main process says when.

import { Socket } from 'node:net';
import { useSmallBufferPool } from '../buffer-pool.ts';
import { FrameSocket } from './frame-socket.ts';
import { Worker } from './worker.ts';

useSmallBufferPool();
const relay = new Socket({ fd: 4, readable: true, writable: true });
const worker = new Worker(new FrameSocket(relay), () => process.exit());

process.on('message', (port: unknown, connection: unknown) => {
  if (typeof port === 'number') worker.accept(port, connection instanceof Socket ? connection : undefined);
});
process.on('disconnect', () => process.exit());
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => undefined);
