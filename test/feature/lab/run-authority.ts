// A certificate authority as a program of its own, for hosts of the lab. In: the file that takes its root. Listens on port 15012.

import { writeFileSync } from 'node:fs';
import { startAuthorityServer } from '../../support/authority-server.ts';

const server = await startAuthorityServer({ listen: '0.0.0.0:15012' });
writeFileSync(process.argv[2] ?? '', server.rootsPem, { mode: 0o644 });
console.log('listening');
