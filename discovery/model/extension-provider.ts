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

export type ExtensionProvider = ExternalAuthorizer;
