// A program: makes a Unix socket a port on loopback, so that what listens in one network namespace is reached in another. In:
// arguments PORT and SOCKET. Out: a line when it listens; connections that find no listener behind the socket are closed.

import { connect, createServer } from 'node:net';

const [port = '0', socketPath = ''] = process.argv.slice(2);

const server = createServer((client) => {
  const target = connect(socketPath);
  for (const [one, other] of [
    [client, target],
    [target, client],
  ] as const) {
    one.on('error', () => other.destroy());
    one.on('close', () => other.destroy());
    one.pipe(other);
  }
});
server.listen(Number(port), '127.0.0.1', () => process.stdout.write(`listening on ${port}\n`));
