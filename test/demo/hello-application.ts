// The application of the example: an ordinary HTTP server that knows nothing of proxies or meshes. `GET /hello` names its version,
// `GET /headers` returns the headers of the request as JSON. In: PORT, VERSION and INSTANCE in the environment.

import { createServer } from 'node:http';
import { Server } from 'node:net';

const { PORT = '5000', VERSION = 'v1', INSTANCE = 'unknown' } = process.env;

const longestEndMs = 5000;
let isEnding = false;

const server = createServer((request, response) => {
  if (isEnding) response.setHeader('connection', 'close');
  const path = (request.url ?? '/').split('?', 1)[0];
  if (path === '/hello') {
    response.setHeader('content-type', 'text/plain');
    response.end(`Hello version: ${VERSION}, instance: ${INSTANCE}\n`);
  } else if (path === '/headers') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ version: VERSION, headers: request.headers }));
  } else {
    response.writeHead(404).end();
  }
});
server.keepAliveTimeout = 3_600_000;
server.listen(Number(PORT), '0.0.0.0', () => process.stdout.write(`listening on ${PORT}\n`));

// It takes no new connections, answers what comes on those that it has, and is gone when they are, or soon.
process.once('SIGTERM', () => {
  isEnding = true;
  Server.prototype.close.call(server, () => process.exit(0));
  setTimeout(() => process.exit(0), longestEndMs);
});
