// Telemetries that name providers which MeshConfig does not have, or which do something else. In: the mesh. Out: findings.

import type { ExtensionProvider } from '../model/extension-provider.ts';
import type { TelemetryPolicy } from '../model/policy.ts';
import type { Problem } from '../model/problem.ts';
import { finding } from './finding.ts';
import type { MeshFacts } from './mesh-facts.ts';

interface Use {
  readonly kinds: readonly ExtensionProvider['kind'][];
  /** There without being declared. */
  readonly builtIn?: string;
  readonly does: string;
  readonly so: string;
}

const uses: Readonly<Record<'accessLogging' | 'tracing' | 'metrics', Use>> = {
  accessLogging: {
    kinds: ['file-log', 'http-grpc-log', 'tcp-grpc-log', 'opentelemetry-log'],
    builtIn: 'envoy',
    does: 'takes access logs',
    so: 'nothing is logged there',
  },
  tracing: { kinds: ['opentelemetry', 'zipkin'], does: 'takes spans', so: 'nothing is traced' },
  metrics: { kinds: ['prometheus'], builtIn: 'prometheus', does: 'takes metrics', so: 'nothing is counted for it' },
};

export function* telemetryFindings({ mesh }: MeshFacts): Generator<Problem> {
  const declared = new Map(mesh.config.extensionProviders.map((provider) => [provider.name, provider.kind] as const));
  for (const policy of mesh.policies.telemetries) {
    for (const part of ['accessLogging', 'tracing', 'metrics'] as const) {
      const { kinds, builtIn, does, so } = uses[part];
      for (const { field, name } of namedIn(policy, part)) {
        const kind = declared.get(name);
        if (kind === undefined ? name === builtIn : kinds.includes(kind)) continue;
        yield finding(policy, {
          code: 'unknown-provider',
          field,
          what: `MeshConfig has no extension provider ${name} that ${does}`,
          so,
          remedy: 'declare it in extensionProviders, or correct the name',
        });
      }
    }
  }
}

function* namedIn(
  policy: TelemetryPolicy,
  part: keyof typeof uses,
): Generator<{ readonly field: string; readonly name: string }> {
  for (const [index, { providers }] of policy[part].entries()) {
    for (const [number, name] of providers.entries()) {
      yield { field: `spec.${part}[${index}].providers[${number}].name`, name };
    }
  }
}
