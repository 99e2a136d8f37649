// The redirection rules in a real kernel, with a real Envoy that answers what it was told and passes on to the original destination.

import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeLab } from '../../support/describe-lab.ts';
import { envoyPathFor } from '../../support/envoy.ts';
import { networkLab } from '../../support/netns.ts';
import type { LabHost, NetworkLab } from '../../support/netns.ts';
import { waitFor } from '../../support/wait-for.ts';

const answering = (name: string): string =>
  `require('node:http').createServer((q, r) => r.end('${name} sees ' + q.socket.remoteAddress.replace('::ffff:', ''))).listen(80, () => console.log('up'))`;

function listener(name: string, port: number, source: string): unknown {
  return {
    name,
    address: { socketAddress: { address: '0.0.0.0', portValue: port } },
    listenerFilters: [
      {
        name: 'envoy.filters.listener.original_dst',
        typedConfig: { '@type': 'type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst' },
      },
    ],
    filterChains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.tcp_proxy',
            typedConfig: {
              '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
              statPrefix: name,
              cluster: source,
            },
          },
        ],
      },
    ],
  };
}

function cluster(name: string, bind?: string): unknown {
  return {
    name,
    type: 'ORIGINAL_DST',
    lbPolicy: 'CLUSTER_PROVIDED',
    connectTimeout: '2s',
    ...(bind === undefined ? {} : { upstreamBindConfig: { sourceAddress: { address: bind, portValue: 0 } } }),
  };
}

// One listener a direction, each counting its connections and passing them on to where they were going.
function passingEnvoy(): unknown {
  return {
    admin: { address: { socketAddress: { address: '127.0.0.1', portValue: 15_000 } } },
    staticResources: {
      listeners: [
        listener('outbound', 15_001, 'PassthroughCluster'),
        listener('inbound', 15_006, 'InboundPassthroughCluster'),
      ],
      clusters: [cluster('PassthroughCluster'), cluster('InboundPassthroughCluster', '127.0.0.6')],
    },
  };
}

describeLab('redirection rules', () => {
  let lab: NetworkLab;
  let pod: LabHost;
  let other: LabHost;

  const isthmus = [process.execPath, resolve(import.meta.dirname, 'run-iptables.ts')];
  const passedOn = async (direction: string): Promise<number> => {
    const { body } = await pod.get(`http://127.0.0.1:15000/stats?filter=tcp.${direction}.downstream_cx_total`);
    return Number(body.split(': ')[1]);
  };

  beforeEach(async () => {
    lab = await networkLab();
    await lab.network('one');
    pod = await lab.host({
      name: 'pod',
      legs: [{ network: 'one', address: '10.1.0.1/24' }],
      defaultRoute: { network: 'one' },
    });
    other = await lab.host({ name: 'other', legs: [{ network: 'one', address: '10.1.0.2/24' }] });
    await other.spawn([process.execPath, '-e', answering('other')]).waitForLine('up');
    await pod.spawn([process.execPath, '-e', answering('pod')]).waitForLine('up');
    const file = join(lab.directory, 'envoy.json');
    writeFileSync(file, JSON.stringify(passingEnvoy()), { mode: 0o644 });
    pod.spawn([await envoyPathFor(1337, lab.directory), '-c', file, '--use-dynamic-base-id', '--concurrency', '1'], {
      uid: 1337,
    });
    await waitFor(
      () => pod.get('http://127.0.0.1:15000/ready'),
      ({ body }) => body.includes('LIVE'),
      { what: 'Envoy' },
    );
  });

  afterEach(() => lab.dispose());

  test('what the application sends and receives goes through the proxy and reaches the original destination', async () => {
    await pod.execOrThrow(isthmus);

    expect((await pod.get('http://10.1.0.2/')).body).toBe('other sees 10.1.0.1');
    expect(await passedOn('outbound')).toBe(1);
    expect((await other.get('http://10.1.0.1/')).body).toBe('pod sees 127.0.0.6');
    expect(await passedOn('inbound')).toBe(1);
  });

  test('the proxy itself and calls inside the pod are left alone', async () => {
    await pod.execOrThrow(isthmus);

    expect((await pod.get('http://10.1.0.2/', { uid: 1337 })).body).toBe('other sees 10.1.0.1');
    expect((await pod.get('http://127.0.0.1/')).body).toBe('pod sees 127.0.0.1');
    expect((await pod.get('http://10.1.0.1/')).body).toBe('pod sees 10.1.0.1');
    expect([await passedOn('outbound'), await passedOn('inbound')]).toEqual([0, 0]);
  });

  test('excluded ports and addresses are left alone', async () => {
    await pod.execOrThrow([...isthmus, '-d', '80', '-x', '10.1.0.2/32']);

    expect((await pod.get('http://10.1.0.2/')).body).toBe('other sees 10.1.0.1');
    expect((await other.get('http://10.1.0.1/')).body).toBe('pod sees 10.1.0.2');
    expect([await passedOn('outbound'), await passedOn('inbound')]).toEqual([0, 0]);
  });

  test('installing twice equals installing once, and --clean takes everything back', async () => {
    const tables = async (): Promise<string> => {
      const shown = await pod.execOrThrow(['sh', '-c', 'iptables -t nat -S; ip6tables -t nat -S']);
      return shown.stdout;
    };
    await pod.execOrThrow([...isthmus, '--clean']);
    const before = await tables();
    await pod.execOrThrow(isthmus);
    const once = await tables();
    await pod.execOrThrow(isthmus);
    expect(await tables()).toBe(once);
    expect(once.match(/-A OUTPUT -p tcp -j ISTIO_OUTPUT/g)).toHaveLength(2);

    await pod.execOrThrow([...isthmus, '--clean']);
    expect(await tables()).toBe(before);
  });
});
