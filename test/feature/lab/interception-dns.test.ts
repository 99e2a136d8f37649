// Name queries with real packets: the application's reach the agent's port, the agent's own reach the name server.

import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeLab } from '../../support/describe-lab.ts';
import { networkLab } from '../../support/netns.ts';
import type { LabHost, NetworkLab } from '../../support/netns.ts';

// The first argument says what it answers, the others where it listens.
const answering = `
const [name, port, ...addresses] = process.argv.slice(1);
let open = 0;
const up = () => { open += 1; if (open === 2 * addresses.length) console.log('up'); };
for (const address of addresses) {
  const socket = require('node:dgram').createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (query, from) => socket.send(name, from.port, from.address));
  socket.bind(Number(port), address, up);
  require('node:net').createServer((connection) => connection.end(name)).listen(Number(port), address, up);
}`;

// Prints who answers a query by UDP, then by TCP.
const asking = `
const [address, port] = process.argv.slice(1);
const socket = require('node:dgram').createSocket(address.includes(':') ? 'udp6' : 'udp4');
const give = setTimeout(() => { console.log('silence'); process.exit(); }, 5000);
socket.connect(Number(port), address, () => socket.send('who?'));
socket.on('message', (answer) => {
  const connection = require('node:net').connect(Number(port), address);
  connection.on('data', (second) => console.log(String(answer), String(second)));
  connection.on('close', () => { clearTimeout(give); socket.close(); });
});`;

describeLab('redirected name queries', () => {
  let lab: NetworkLab;
  let pod: LabHost;

  const isthmus = [process.execPath, resolve(import.meta.dirname, 'run-iptables.ts'), '-i', ''];
  const whoAnswers = async (address: string, uid = 0): Promise<string> =>
    (await pod.execOrThrow([process.execPath, '-e', asking, address, '53'], { uid })).stdout.trim();
  const serve = (host: LabHost, name: string, port: number, addresses: readonly string[], uid = 0) =>
    host.spawn([process.execPath, '-e', answering, name, String(port), ...addresses], { uid }).waitForLine('up');
  const install = async (...args: readonly string[]): Promise<void> => {
    const resolver = join(lab.directory, 'resolv.conf');
    writeFileSync(resolver, 'nameserver 10.1.0.2\nnameserver fd00:1::2\nnameserver 127.0.0.53\n', { mode: 0o644 });
    const script = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"';
    await pod.execOrThrow(['sh', '-c', script, 'sh', resolver, ...isthmus, ...args]);
  };

  beforeEach(async () => {
    lab = await networkLab();
    await lab.network('one');
    const host = async (name: string, number: number): Promise<LabHost> => {
      const made = await lab.host({ name, legs: [{ network: 'one', address: `10.1.0.${number}/24` }] });
      await made.execOrThrow(['ip', 'addr', 'add', `fd00:1::${number}/64`, 'dev', 'eth0', 'nodad']);
      return made;
    };
    pod = await host('pod', 1);
    const upstream = await host('upstream', 2);
    const other = await host('other', 3);
    await serve(upstream, 'upstream', 53, ['10.1.0.2', 'fd00:1::2']);
    await serve(other, 'other', 53, ['10.1.0.3', 'fd00:1::3']);
    await serve(pod, 'agent', 15_053, ['127.0.0.1', '::1'], 1337);
  });

  afterEach(() => lab.dispose());

  test('of the pod’s name servers reach the agent by UDP and TCP, those of others do not', async () => {
    await install('--redirect-dns');

    expect(await whoAnswers('10.1.0.2')).toBe('agent agent');
    expect(await whoAnswers('fd00:1::2')).toBe('agent agent');
    expect(await whoAnswers('127.0.0.53')).toBe('agent agent');
    expect(await whoAnswers('10.1.0.3')).toBe('other other');
    expect(await whoAnswers('fd00:1::3')).toBe('other other');
  });

  test('reach the agent whatever the server with --capture-all-dns', async () => {
    await install('--redirect-dns', '--capture-all-dns');

    expect(await whoAnswers('10.1.0.3')).toBe('agent agent');
    expect(await whoAnswers('fd00:1::3')).toBe('agent agent');
  });

  test.for(['--capture-all-dns', '--capture-all-dns=false'])(
    'of the agent itself reach the name server (%s)',
    async (argument) => {
      await install('--redirect-dns', argument);

      expect(await whoAnswers('10.1.0.2', 1337)).toBe('upstream upstream');
      expect(await whoAnswers('fd00:1::2', 1337)).toBe('upstream upstream');
    },
  );

  test('are left alone without --redirect-dns', async () => {
    await install();

    expect(await whoAnswers('10.1.0.2')).toBe('upstream upstream');
  });
});
