// Services outside the mesh's own code that MeshConfig declares under a name (`extensionProviders`) and policies refer to.

import type { Hostname } from './names.ts';

/** Decides for AuthorizationPolicies with action CUSTOM. */
export interface ExternalAuthorizer {
  readonly kind: 'ext-authz-http' | 'ext-authz-grpc';
  readonly name: string;
  /** A host of the mesh. */
  readonly service: Hostname;
  readonly port: number;
  readonly timeoutMs: number;
  /** What it can't be asked about is let through. */
  readonly failOpen: boolean;
  /** HTTP status of what is refused because it can't be asked; 403 when absent. */
  readonly statusOnError?: number | undefined;
  readonly body?: { readonly maxBytes: number; readonly allowPartial: boolean; readonly asBytes: boolean } | undefined;
  /** Of a question over HTTP: before the path. */
  readonly pathPrefix: string;
  /** Headers that it sees beside those it always does; a star at one end is a pattern. */
  readonly requestHeaders: readonly string[];
  /** Headers that are added to the question. */
  readonly addedHeaders: Readonly<Record<string, string>>;
  readonly headersToUpstreamOnAllow: readonly string[];
  readonly headersToDownstreamOnDeny: readonly string[];
  readonly headersToDownstreamOnAllow: readonly string[];
}

interface ServiceProvider {
  readonly name: string;
  /** A host of the mesh. */
  readonly service: Hostname;
  readonly port: number;
}

/** Takes access logs. */
export type LogProvider =
  | {
      readonly kind: 'file-log';
      readonly name: string;
      readonly path: string;
      /** With Envoy's command operators; absent, with `labels` absent too: the product's own line. */
      readonly text?: string | undefined;
      /** A line of JSON. */
      readonly labels?: Readonly<Record<string, string>> | undefined;
    }
  | (ServiceProvider & {
      readonly kind: 'http-grpc-log' | 'tcp-grpc-log';
      readonly logName: string;
      readonly filterStates: readonly string[];
      readonly requestHeaders: readonly string[];
      readonly responseHeaders: readonly string[];
      readonly responseTrailers: readonly string[];
    })
  | (ServiceProvider & {
      readonly kind: 'opentelemetry-log';
      readonly logName: string;
      /** The body of a record, with command operators; absent: the product's own line. */
      readonly text?: string | undefined;
      /** Attributes of a record. */
      readonly labels?: Readonly<Record<string, string>> | undefined;
    });

/** Takes spans. */
export type TracingProvider =
  | (ServiceProvider & {
      readonly kind: 'opentelemetry';
      readonly maxTagLength?: number | undefined;
      readonly timeoutMs: number;
      readonly serviceName: string;
      /** Resource attributes come from the variable OTEL_RESOURCE_ATTRIBUTES of the proxy, too. */
      readonly readsEnvironment: boolean;
      /** Over HTTP instead of gRPC. */
      readonly http?: { readonly path: string; readonly headers: Readonly<Record<string, string>> } | undefined;
    })
  | (ServiceProvider & {
      readonly kind: 'zipkin';
      readonly maxTagLength?: number | undefined;
      readonly path: string;
      readonly uses64BitIds: boolean;
    });

/** Is asked for by whoever scrapes. */
export interface MetricsProvider {
  readonly kind: 'prometheus';
  readonly name: string;
}

export type ExtensionProvider = ExternalAuthorizer | LogProvider | TracingProvider | MetricsProvider;
