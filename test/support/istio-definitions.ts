// Definitions of Istio's resources that take any fields, as an API server needs them before it takes the resources.

import type { TestObject } from './kube-api.ts';

const groups: Readonly<Record<string, readonly (readonly [kind: string, plural: string])[]>> = {
  'networking.istio.io': [
    ['Gateway', 'gateways'],
    ['VirtualService', 'virtualservices'],
    ['DestinationRule', 'destinationrules'],
  ],
  'security.istio.io': [['PeerAuthentication', 'peerauthentications']],
};

const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };

export const istioDefinitions: readonly TestObject[] = Object.entries(groups).flatMap(([group, kinds]) =>
  kinds.map(([kind, plural]) => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  })),
);

/** Where an API server serves them, some moments after it was given the definitions. */
export const definedPaths: readonly string[] = Object.entries(groups).flatMap(([group, kinds]) =>
  kinds.map(([, plural]) => `/apis/${group}/v1/${plural}`),
);
