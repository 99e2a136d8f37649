// The application of the example: an ordinary HTTP server that knows nothing of proxies or meshes. `GET /hello` names its version,
// `GET /headers` returns the headers of the request as JSON. In: PORT, VERSION and INSTANCE in the environment.

import { createServer } from 'node:http';

const { PORT = '5000', VERSION = 'v1', INSTANCE = 'unknown' } = process.env;

const server = createServer((request, response) => {
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
process.once('SIGTERM', () => process.exit(0));
