// What a node wants to be served with, by its metadata `GENERATOR`: an Envoy says nothing, Istio's tools say `event`.

import type { Node } from '../../proto/generated/envoy.config.core.v3.ts';

/** Empty for an Envoy. `event`: a tool that asks about the control plane. Others: `grpc`, `api` … */
export function generatorOf(node: Node): string {
  return node.metadata?.fields?.['GENERATOR']?.stringValue ?? '';
}

/** Why a node with this generator is not served, in one sentence; undefined when it is. */
export function notServed(generator: string): string | undefined {
  switch (generator) {
    case '':
    case 'event':
      return undefined;
    case 'grpc':
      return 'gRPC clients without a proxy (GENERATOR "grpc") are not served; put an Envoy beside the application.';
    case 'api':
      return 'Configuration objects (GENERATOR "api") are not served; read them from the Kubernetes API.';
    default:
      return `The node asks for GENERATOR ${JSON.stringify(generator.slice(0, 100))}; none, for an Envoy, and "event", for tools, are served.`;
  }
}
