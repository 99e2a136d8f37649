// The redirection rules with real packets, in both modes, with a real Envoy that passes on to the original destination.

import { resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeLab } from '../../support/describe-lab.ts';
import { networkLab } from '../../support/netns.ts';
import type { LabHost, NetworkLab } from '../../support/netns.ts';
import { ownService, startPassingEnvoy } from './passing-envoy.ts';
import type { PassingEnvoy } from './passing-envoy.ts';

const answering = (name: string): string =>
  `for (const port of [80, 81]) require('node:http').createServer((q, r) => r.end('${name} sees ' + q.socket.remoteAddress.replace('::ffff:', ''))).listen(port, () => console.log('up ' + port))`;

describeLab('redirection', () => {
  describe.each(['REDIRECT', 'TPROXY'] as const)('by %s', (mode) => {
    redirectionBy(mode);
  });
});

function redirectionBy(mode: 'REDIRECT' | 'TPROXY'): void {
  let lab: NetworkLab;
  let pod: LabHost;
  let other: LabHost;
  let proxy: PassingEnvoy;

  const isthmus = [process.execPath, resolve(import.meta.dirname, 'run-iptables.ts'), '-m', mode];
  const passedOn = async (): Promise<readonly [inbound: number, outbound: number]> => [
    await proxy.passedOn('inbound'),
    await proxy.passedOn('outbound'),
  ];
  const ask = async (from: LabHost, url: string, uid?: number): Promise<string> =>
    (await from.get(url, uid === undefined ? {} : { uid })).body;
  // In TPROXY mode the application sees its caller as it would without a proxy.
  const seen = (ipv4: string): string => (mode === 'TPROXY' ? ipv4 : ipv4.includes(':') ? '::6' : '127.0.0.6');

  beforeEach(async () => {
    lab = await networkLab();
    await lab.network('one');
    await lab.network('two');
    const legs = (number: number) => [
      { network: 'one', address: `10.1.0.${number}/24` },
      { network: 'two', address: `10.2.0.${number}/24` },
    ];
    pod = await lab.host({ name: 'pod', legs: legs(1), defaultRoute: { network: 'one' } });
    other = await lab.host({ name: 'other', legs: legs(2) });
    for (const [host, address] of [
      [pod, 'fd00:1::1/64'],
      [other, 'fd00:1::2/64'],
    ] as const) {
      await host.execOrThrow(['ip', 'addr', 'add', address, 'dev', 'eth0', 'nodad']);
    }
    for (const host of [other, pod]) {
      await host.spawn([process.execPath, '-e', answering(host.name)]).waitForLine('up 81');
    }
    proxy = await startPassingEnvoy({ lab, pod, transparent: mode === 'TPROXY' });
  });

  afterEach(() => lab.dispose());

  test('what the application sends and receives goes through the proxy and reaches the original destination', async () => {
    await pod.execOrThrow(isthmus);

    expect(await ask(pod, 'http://10.1.0.2:81/')).toBe('other sees 10.1.0.1');
    expect(await passedOn()).toEqual([0, 1]);
    expect(await ask(other, 'http://10.1.0.1:81/')).toBe(`pod sees ${seen('10.1.0.2')}`);
    expect(await passedOn()).toEqual([1, 1]);
  });

  test('and so by IPv6', async () => {
    await pod.execOrThrow(isthmus);

    expect(await ask(pod, 'http://[fd00:1::2]/')).toBe('other sees fd00:1::1');
    expect(await passedOn()).toEqual([0, 1]);
    expect(await ask(other, 'http://[fd00:1::1]/')).toBe(`pod sees ${seen('fd00:1::2')}`);
    expect(await passedOn()).toEqual([1, 1]);
  });

  test('the proxy itself and calls inside the pod are left alone', async () => {
    await pod.execOrThrow(isthmus);

    expect(await ask(pod, 'http://10.1.0.2/', 1337)).toBe('other sees 10.1.0.1');
    expect(await ask(pod, 'http://127.0.0.1/')).toBe('pod sees 127.0.0.1');
    expect(await ask(pod, 'http://10.1.0.1/')).toBe('pod sees 10.1.0.1');
    expect(await ask(pod, 'http://[fd00:1::1]/')).toBe('pod sees fd00:1::1');
    expect(await passedOn()).toEqual([0, 0]);
  });

  test('a call of the application to its own service passes the proxy twice', async () => {
    await pod.execOrThrow(isthmus);

    expect(await ask(pod, `http://${ownService}/`)).toBe(`pod sees ${seen('10.1.0.1')}`);
    expect(await passedOn()).toEqual([1, 1]);
  });

  test('excluded ports and addresses are left alone', async () => {
    await pod.execOrThrow([...isthmus, '-d', '80', '-x', '10.1.0.2/32,fd00:1::/64', '-o', '81']);

    expect(await ask(pod, 'http://10.1.0.2/')).toBe('other sees 10.1.0.1');
    expect(await ask(pod, 'http://[fd00:1::2]/')).toBe('other sees fd00:1::1');
    expect(await ask(other, 'http://10.1.0.1/')).toBe('pod sees 10.1.0.2');
    expect(await passedOn()).toEqual([0, 0]);
    expect(await ask(other, 'http://10.1.0.1:81/')).toBe(`pod sees ${seen('10.1.0.2')}`);
    expect(await passedOn()).toEqual([1, 0]);
  });

  test('of listed ports and ranges, those alone are redirected', async () => {
    await pod.execOrThrow([...isthmus, '-b', '81', '-i', '10.1.0.0/30', '-q', '']);

    expect(await ask(other, 'http://10.1.0.1/')).toBe('pod sees 10.1.0.2');
    expect(await ask(pod, 'http://[fd00:1::2]/')).toBe('other sees fd00:1::1');
    expect(await passedOn()).toEqual([0, 0]);
    expect(await ask(other, 'http://10.1.0.1:81/')).toBe(`pod sees ${seen('10.1.0.2')}`);
    expect(await ask(pod, 'http://10.1.0.2/')).toBe('other sees 10.1.0.1');
    expect(await passedOn()).toEqual([1, 1]);
  });

  test('groups and devices that are excluded are left alone', async () => {
    await pod.execOrThrow([...isthmus, '--owner-groups-exclude', '4242', '-c', 'eth1']);

    expect(await ask(pod, 'http://10.1.0.2/', 4242)).toBe('other sees 10.1.0.1');
    expect(await ask(pod, 'http://10.2.0.2/')).toBe('other sees 10.2.0.1');
    expect(await ask(other, 'http://10.2.0.1/')).toBe('pod sees 10.2.0.2');
    expect(await passedOn()).toEqual([0, 0]);
    expect(await ask(pod, 'http://10.1.0.2/', 4243)).toBe('other sees 10.1.0.1');
    expect(await passedOn()).toEqual([0, 1]);
  });

  test('what a virtual machine behind a device sends is outbound traffic of the pod', async () => {
    await pod.execOrThrow([...isthmus, '-k', 'eth1', '-b', '']);

    expect(await ask(other, 'http://10.2.0.1/')).toMatch(/^pod sees /);
    expect(await proxy.passedOn('outbound')).toBe(1);
    expect(await ask(other, 'http://10.1.0.1/')).toBe('pod sees 10.1.0.2');
    expect(await proxy.passedOn('outbound')).toBe(1);
  });

  test('invalid packets are dropped and valid ones are not', async () => {
    await pod.execOrThrow([...isthmus, '--drop-invalid']);
    expect(await ask(other, 'http://10.1.0.1/')).toBe(`pod sees ${seen('10.1.0.2')}`);
    expect(await ask(pod, 'http://10.1.0.2/')).toBe('other sees 10.1.0.1');
    expect(await passedOn()).toEqual([1, 1]);
  });

  test('after --clean nothing is redirected', async () => {
    await pod.execOrThrow(isthmus);
    await pod.execOrThrow([...isthmus, '--clean']);

    expect(await ask(pod, 'http://10.1.0.2/')).toBe('other sees 10.1.0.1');
    expect(await ask(other, 'http://10.1.0.1/')).toBe('pod sees 10.1.0.2');
    expect(await passedOn()).toEqual([0, 0]);
  });
}
