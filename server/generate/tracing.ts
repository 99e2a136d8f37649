// Tracing of an HTTP connection manager, as Telemetry and MeshConfig say: which requests, where the spans go, with which tags.

import type { MeshConfig } from '../../discovery/model/mesh-config.ts';
import type { TracingProvider } from '../../discovery/model/extension-provider.ts';
import type { TraceTag } from '../../discovery/model/policy.ts';
import {
  OpenTelemetryConfig,
  ZipkinConfig,
  ZipkinConfig_CollectorEndpointVersion,
  type Tracing_Http,
} from '../../proto/generated/envoy.config.trace.v3.ts';
import type { HttpConnectionManager_Tracing } from '../../proto/generated/envoy.extensions.filters.network.http_connection_manager.v3.ts';
import type { CustomTag } from '../../proto/generated/envoy.type.tracing.v3.ts';
import { EnvironmentResourceDetectorConfig } from '../../proto/generated/envoy.extensions.tracers.opentelemetry.resource_detectors.v3.ts';
import { packAny } from '../../proto/codec.ts';
import { outboundClusterName } from './names.ts';
import { duration, uint32 } from './well-known-types.ts';

/** As Istio's. */
const defaultSamplingPercent = 1;

/** Undefined where nothing is traced: no provider, a provider that MeshConfig does not have, or turned off. */
export function tracingOf({ telemetry, extensionProviders }: MeshConfig): HttpConnectionManager_Tracing | undefined {
  const tracing = telemetry?.tracing;
  if (tracing?.provider === undefined || tracing.disabled === true) return undefined;
  const provider = extensionProviders.find(({ name }) => name === tracing.provider);
  if (provider?.kind !== 'opentelemetry' && provider?.kind !== 'zipkin') return undefined;
  const { maxTagLength } = provider;
  return {
    clientSampling: { value: 100 },
    randomSampling: { value: tracing.samplingPercent ?? defaultSamplingPercent },
    overallSampling: { value: 100 },
    ...(maxTagLength === undefined ? {} : { maxPathTagLength: uint32(maxTagLength) }),
    customTags: Object.entries(tracing.tags).map(([tag, value]) => customTag(tag, value)),
    provider: provider.kind === 'zipkin' ? zipkin(provider) : openTelemetry(provider),
  };
}

function customTag(tag: string, value: TraceTag): CustomTag {
  if (value.kind === 'literal') return { tag, literal: { value: value.value } };
  const { name, defaultValue } = value;
  return value.kind === 'environment'
    ? { tag, environment: { name, defaultValue } }
    : { tag, requestHeader: { name, defaultValue } };
}

function openTelemetry(provider: Extract<TracingProvider, { kind: 'opentelemetry' }>): Tracing_Http {
  const { service, port, http, serviceName, readsEnvironment } = provider;
  const cluster = outboundClusterName({ host: service, port, subset: '' });
  const timeout = duration(provider.timeoutMs);
  const exporter =
    http === undefined
      ? { grpcService: { envoyGrpc: { clusterName: cluster, authority: service }, timeout } }
      : {
          httpService: {
            httpUri: { uri: `http://${service}:${port}${http.path}`, cluster, timeout },
            requestHeadersToAdd: Object.entries(http.headers).map(([key, value]) => ({ header: { key, value } })),
          },
        };
  const detector = {
    name: 'envoy.tracers.opentelemetry.resource_detectors.environment',
    typedConfig: packAny(EnvironmentResourceDetectorConfig, {}),
  };
  const typedConfig = packAny(OpenTelemetryConfig, {
    ...exporter,
    serviceName,
    ...(readsEnvironment ? { resourceDetectors: [detector] } : {}),
  });
  return { name: 'envoy.tracers.opentelemetry', typedConfig };
}

function zipkin({ service, port, path, uses64BitIds }: Extract<TracingProvider, { kind: 'zipkin' }>): Tracing_Http {
  const typedConfig = packAny(ZipkinConfig, {
    collectorCluster: outboundClusterName({ host: service, port, subset: '' }),
    collectorEndpoint: path,
    collectorHostname: service,
    collectorEndpointVersion: ZipkinConfig_CollectorEndpointVersion.HTTP_JSON,
    traceId_128bit: !uses64BitIds,
    sharedSpanContext: { value: false },
  });
  return { name: 'envoy.tracers.zipkin', typedConfig };
}
