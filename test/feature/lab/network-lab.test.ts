// The lab itself: what it joins can talk, what it does not join can't, and nothing stays behind.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeLab } from '../../support/describe-lab.ts';
import { envoyPath, validate } from '../../support/envoy.ts';
import { networkLab } from '../../support/netns.ts';
import type { NetworkLab } from '../../support/netns.ts';
import { run } from '../../support/process.ts';
import { waitFor } from '../../support/wait-for.ts';

const server = `require('node:http').createServer((q, r) => r.end('uid ' + process.getuid() + ' ' + q.url)).listen(80, '0.0.0.0', () => console.log('up'))`;

describeLab('a network lab', () => {
  let lab: NetworkLab;

  beforeEach(async () => {
    lab = await networkLab();
    await lab.network('one');
    await lab.network('two');
  });

  afterEach(() => lab.dispose());

  test('joins hosts of one network, by address and by the names they were given', async () => {
    const a = await lab.host({
      name: 'a',
      legs: [{ network: 'one', address: '10.1.0.1/24' }],
      hosts: { hello: '10.1.0.2' },
    });
    const b = await lab.host({ name: 'b', legs: [{ network: 'one', address: '10.1.0.2/24' }] });
    await b.spawn([process.execPath, '-e', server]).waitForLine('up');

    expect(await a.get('http://hello/x')).toEqual({ status: 200, body: 'uid 0 /x' });
  });

  test('has no way from one network to another', async () => {
    const a = await lab.host({
      name: 'a',
      legs: [{ network: 'one', address: '10.1.0.1/24' }],
      defaultRoute: { network: 'one' },
    });
    const b = await lab.host({
      name: 'b',
      legs: [{ network: 'two', address: '10.2.0.1/24' }],
      defaultRoute: { network: 'two' },
    });
    await b.spawn([process.execPath, '-e', server]).waitForLine('up');

    await expect(a.get('http://10.2.0.1/', { timeoutMs: 1000 })).rejects.toThrow(/curl/);
    expect((await b.get('http://10.2.0.1/')).status).toBe(200);
  });

  test('runs a program as the user that is asked for, and captures what it sends', async () => {
    const a = await lab.host({ name: 'a', legs: [{ network: 'one', address: '10.1.0.1/24' }] });
    const b = await lab.host({ name: 'b', legs: [{ network: 'one', address: '10.1.0.2/24' }] });
    await b.execOrThrow(['sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start']);
    await b.spawn([process.execPath, '-e', server], { uid: 1337 }).waitForLine('up');
    const file = join(lab.directory, 'one.pcap');
    const capture = await lab.capture('one', file);

    expect((await a.get('http://10.1.0.2/secret')).body).toBe('uid 1337 /secret');

    await waitFor(
      () => readFileSync(file, 'latin1'),
      (bytes) => bytes.includes('uid 1337'),
      { what: 'the answer in the capture' },
    );
    await capture.stop();
    expect(readFileSync(file, 'latin1')).toContain('GET /secret');
  });

  test('leaves no namespace, program or file behind', async () => {
    const a = await lab.host({ name: 'a', legs: [{ network: 'one', address: '10.1.0.1/24' }] });
    const child = a.spawn([process.execPath, '-e', server]);
    await child.waitForLine('up');

    await lab.dispose();

    expect(child.running).toBe(false);
    expect((await run(['ip', 'netns', 'list'])).stdout).not.toContain(lab.prefix);
    expect(existsSync(lab.directory)).toBe(false);
  });
});

test(
  'a real Envoy is found or installed, accepts a bootstrap and refuses a broken one',
  { timeout: 600_000 },
  async () => {
    const envoy = await envoyPath();
    expect((await run([envoy, '--version'])).stdout).toMatch(/version: \w+\/1\./);
    expect(await validate({ admin: {} })).toEqual({ kind: 'accepted' });
    expect(await validate({ no_such_field: {} })).toMatchObject({
      kind: 'rejected',
      reason: expect.stringContaining('no_such_field'),
    });
  },
);
