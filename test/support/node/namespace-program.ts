// A program in a node's network namespace: its name server, its probes, and ports of the namespace as Unix sockets, by which processes
// outside reach them. In: messages from the test. Out: an answer to each. It ends with the one that started it.

import { connect, createServer, type Socket } from 'node:net';
import { NameServer } from './name-server.ts';
import type { NameTable } from './cluster-names.ts';
import { probeNetwork, type NetworkProbe } from './network-probe.ts';

export type NamespaceRequest = { readonly id: number } & NamespaceQuestion;

export type NamespaceQuestion =
  | { readonly ask: 'serve-names'; readonly address: string }
  | { readonly ask: 'names'; readonly table: NameTable }
  | { readonly ask: 'probe'; readonly probe: NetworkProbe }
  | { readonly ask: 'open'; readonly socketPath: string; readonly host: string; readonly port: number };

/** `error`: it could not be done. `answer`: of a probe that failed, why. */
export interface NamespaceAnswer {
  readonly id: number;
  readonly error?: string | undefined;
  readonly answer?: string | undefined;
}

const names = new NameServer();

async function answer(request: NamespaceRequest): Promise<string | undefined> {
  if (request.ask === 'probe') return await probeNetwork(request.probe);
  if (request.ask === 'serve-names') await names.listen(request.address);
  else if (request.ask === 'names') names.replace(request.table);
  else await open(request.socketPath, request.host, request.port);
  return undefined;
}

function open(socketPath: string, host: string, port: number): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (client) =>
    join(client, connect({ port, host, allowHalfOpen: true })),
  );
  return new Promise((done, fail) => {
    server.once('error', fail);
    server.listen(socketPath, done);
  });
}

function join(client: Socket, target: Socket): void {
  client.on('error', () => target.destroy());
  target.on('error', () => client.destroy());
  client.on('close', () => target.destroy());
  target.on('close', () => client.destroy());
  client.pipe(target).pipe(client);
}

process.on('message', (request: NamespaceRequest) => {
  void answer(request).then(
    (done) => process.send?.({ id: request.id, answer: done }),
    (error: unknown) => process.send?.({ id: request.id, error: String(error) }),
  );
});
process.once('disconnect', () => process.exit(0));
