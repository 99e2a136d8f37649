// `istio.io/debug/syncz`: what each connected proxy was sent and what it answered, as `istioctl proxy-status` reads it.
// Shape: istio/istio pilot/pkg/xds/statusgen.go, read by istioctl/pkg/writer/pilot/status.go.

import { encode } from '../../../proto/codec.ts';
import type { Struct, Timestamp } from '../../../proto/generated/google.protobuf.ts';
import {
  ClientConfig,
  ConfigStatus,
  type ClientConfig_GenericXdsConfig,
} from '../../../proto/generated/envoy.service.status.v3.ts';
import { compareText } from '../../../discovery/model/network-gateway.ts';
import type { ReportResource } from '../../stream/snapshot-source.ts';
import type { ProxyStatus, ProxyTypeStatus } from '../proxy-status.ts';

export function syncReport(proxies: readonly ProxyStatus[]): readonly ReportResource[] {
  return proxies.map((status) => {
    const value = encode<ClientConfig>(ClientConfig, clientConfig(status));
    return { name: status.proxy, typeUrl: ClientConfig.typeUrl, value };
  });
}

function clientConfig(status: ProxyStatus): ClientConfig {
  const { proxy, clusterId, namespace, istioVersion } = status;
  return {
    node: { id: proxy, metadata: texts({ CLUSTER_ID: clusterId, NAMESPACE: namespace, ISTIO_VERSION: istioVersion }) },
    genericXdsConfigs: status.types.map(typeConfig).toSorted((a, b) => compareText(a.typeUrl ?? '', b.typeUrl ?? '')),
  };
}

function typeConfig({ typeUrl, status, sentAt, lastError }: ProxyTypeStatus): ClientConfig_GenericXdsConfig {
  const lastUpdated = sentAt === undefined ? {} : { lastUpdated: timestamp(sentAt) };
  const config = { typeUrl, configStatus: ConfigStatus[status], ...lastUpdated };
  if (status !== 'ERROR') return config;
  const attempt = sentAt === undefined ? {} : { lastUpdateAttempt: timestamp(sentAt) };
  return { ...config, errorState: { ...attempt, details: lastError?.message ?? '' } };
}

/** Empty ones are left out. */
function texts(values: Readonly<Record<string, string>>): Struct {
  const present = Object.entries(values).filter(([, text]) => text !== '');
  return { fields: Object.fromEntries(present.map(([name, text]) => [name, { stringValue: text }])) };
}

function timestamp(rfc3339: string): Timestamp {
  const milliseconds = Date.parse(rfc3339);
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanos: (milliseconds - seconds * 1000) * 1_000_000 };
}
