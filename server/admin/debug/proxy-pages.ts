// Debug pages about connected proxies, in the JSON that istiod gives them, because `istioctl` and Kiali read it.
// Keys: istio/istio pilot/pkg/xds/debug.go.

import type { ProxyStatus, ProxyTypeStatus } from '../proxy-status.ts';
import { document, type DebugPage } from './debug-page.ts';

export const syncz: DebugPage = {
  name: 'syncz',
  help: 'Synchronization status of every connected proxy, or of those of ?namespace=NAMESPACE',
  render: (reader, query) => {
    const wanted = query.get('namespace') ?? '';
    const proxies = reader.proxies().filter(({ namespace }) => wanted === '' || namespace === wanted);
    return document(proxies.map(syncStatus));
  },
};

export const connections: DebugPage = {
  name: 'connections',
  help: 'Connected proxies and where they connect from',
  render: (reader) => document(clients(reader.proxies(), false)),
};

export const adsz: DebugPage = {
  name: 'adsz',
  help: 'Connected proxies with the types that they watch',
  render: (reader) => document(clients(reader.proxies(), true)),
};

/** Prefix of the keys for each type: `cluster_sent`, `cluster_acked` … */
const synczTypes = [
  ['cds', 'cluster'],
  ['lds', 'listener'],
  ['rds', 'route'],
  ['eds', 'endpoint'],
  ['ecds', 'extensionconfig'],
] as const;

function syncStatus(status: ProxyStatus): Record<string, unknown> {
  const nonces: Record<string, string> = {};
  const rejections: Record<string, unknown> = {};
  for (const [name, key] of synczTypes) {
    const type = status.types.find((one) => one.name === name);
    if (type === undefined) continue;
    if (type.sent !== '') nonces[`${key}_sent`] = type.sent;
    if (type.acked !== '') nonces[`${key}_acked`] = type.acked;
    if (type.status === 'ERROR') rejections[key] = type.lastError?.message;
  }
  return {
    cluster_id: status.clusterId,
    proxy: status.proxy,
    proxy_type: status.type,
    ...(status.istioVersion === '' ? {} : { istio_version: status.istioVersion }),
    ...nonces,
    ...(Object.keys(rejections).length === 0 ? {} : { errors: rejections }),
    resources: Object.fromEntries(status.types.map((type) => [type.typeUrl, resourceStatus(type)])),
  };
}

/** `istioctl version` reads an object here, `count` is ours. */
function resourceStatus({
  sent,
  acked,
  sentAt,
  lastError,
  status,
  resources,
}: ProxyTypeStatus): Record<string, unknown> {
  return {
    ...(sent === '' ? {} : { sent }),
    ...(acked === '' ? {} : { acked }),
    ...(sentAt === undefined ? {} : { sentTime: sentAt }),
    ...(status === 'ERROR' ? { lastError: lastError?.message } : {}),
    count: resources,
  };
}

function clients(proxies: readonly ProxyStatus[], watches: boolean): Record<string, unknown> {
  return {
    totalClients: proxies.length,
    clients: proxies.map((status) => ({
      connectionId: status.nodeId,
      connectedAt: status.connectedAt,
      address: status.peerAddress,
      labels: {},
      identity: status.identity,
      ...(watches ? { watches: Object.fromEntries(status.types.map(watched)) } : {}),
    })),
  };
}

function watched(type: ProxyTypeStatus): [string, unknown] {
  const { status, resources, sent, acked } = type;
  return [type.typeUrl, { status, resources, nonceSent: sent, nonceAcked: acked }];
}
