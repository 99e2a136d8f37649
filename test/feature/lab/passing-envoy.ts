// A real Envoy that takes what the redirection rules send it, counts the connections of each direction and passes them on to where they
// were going. In: the host that it stands in for as the proxy. Out: its counters.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { envoyPathFor } from '../../support/envoy.ts';
import type { LabHost, NetworkLab } from '../../support/netns.ts';
import { waitFor } from '../../support/wait-for.ts';

/** An address that nobody has: what goes there through the proxy reaches the pod itself, as with a service of one endpoint. */
export const ownService = '10.96.0.1';
export const podAddress = '10.1.0.1';

export type PassingEnvoy = {
  /** Connections since it was started. */
  passedOn(direction: 'inbound' | 'outbound'): Promise<number>;
};

export type PassingOptions = { readonly lab: NetworkLab; readonly pod: LabHost; readonly transparent?: boolean };

const extension = 'type.googleapis.com/envoy.extensions.filters';

export async function startPassingEnvoy({ lab, pod, transparent = false }: PassingOptions): Promise<PassingEnvoy> {
  const file = join(lab.directory, 'envoy.json');
  writeFileSync(file, JSON.stringify(bootstrap(transparent)), { mode: 0o644 });
  const user = ['setpriv', '--reuid', '1337', '--regid', '1337', '--clear-groups'];
  const rights = transparent ? ['--inh-caps', '+net_admin', '--ambient-caps', '+net_admin'] : [];
  const envoy = await envoyPathFor(1337, lab.directory);
  const child = pod.spawn([...user, ...rights, envoy, '-c', file, '--use-dynamic-base-id', '--concurrency', '1']);
  await waitFor(
    () => pod.get('http://127.0.0.1:15000/ready'),
    ({ body }) => body.includes('LIVE'),
    { what: `Envoy, which says: ${child.output}` },
  );
  return {
    passedOn: async (direction) => {
      const { body } = await pod.get(`http://127.0.0.1:15000/stats?filter=tcp.${direction}.downstream_cx_total`);
      return Number(body.split(': ')[1]);
    },
  };
}

function bootstrap(transparent: boolean): unknown {
  const toItself = {
    name: 'own-service',
    type: 'STATIC',
    loadAssignment: {
      clusterName: 'own-service',
      endpoints: [{ lbEndpoints: [{ endpoint: { address: socketAddress(podAddress, 80) } }] }],
    },
  };
  const own = { filterChainMatch: { prefixRanges: [{ addressPrefix: ownService, prefixLen: 32 }] } };
  return {
    admin: { address: socketAddress('127.0.0.1', 15_000) },
    staticResources: {
      listeners: [
        listener('outbound', 15_001, {
          filterChains: [
            { ...own, filters: [tcpProxy('outbound', 'own-service')] },
            { filters: [tcpProxy('outbound', 'outbound')] },
          ],
        }),
        listener('inbound', 15_006, {
          ...(transparent ? { transparent: true } : {}),
          filterChains: [{ filters: [tcpProxy('inbound', 'inbound')] }],
          listenerFilters: transparent ? [originalSource] : [],
        }),
      ],
      clusters: [
        passthrough('outbound', {}),
        passthrough('inbound', transparent ? {} : { upstreamBindConfig: passthroughSource }),
        toItself,
      ],
    },
  };
}

const originalSource = {
  name: 'envoy.filters.listener.original_src',
  typedConfig: { '@type': `${extension}.listener.original_src.v3.OriginalSrc`, mark: 1337 },
};

const passthroughSource = {
  sourceAddress: { address: '127.0.0.6', portValue: 0 },
  extraSourceAddresses: [{ address: { address: '::6', portValue: 0 } }],
};

function listener(
  name: string,
  port: number,
  { listenerFilters = [], ...rest }: { listenerFilters?: unknown[]; [field: string]: unknown },
): unknown {
  const originalDestination = {
    name: 'envoy.filters.listener.original_dst',
    typedConfig: { '@type': `${extension}.listener.original_dst.v3.OriginalDst` },
  };
  return {
    name,
    address: socketAddress('0.0.0.0', port),
    additionalAddresses: [{ address: socketAddress('::', port) }],
    listenerFilters: [originalDestination, ...listenerFilters],
    ...rest,
  };
}

function tcpProxy(statPrefix: string, cluster: string): unknown {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typedConfig: { '@type': `${extension}.network.tcp_proxy.v3.TcpProxy`, statPrefix, cluster },
  };
}

function passthrough(name: string, rest: object): unknown {
  return { name, type: 'ORIGINAL_DST', lbPolicy: 'CLUSTER_PROVIDED', connectTimeout: '2s', ...rest };
}

function socketAddress(address: string, portValue: number): unknown {
  return { socketAddress: { address, portValue } };
}
