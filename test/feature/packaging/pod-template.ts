// The pod of a rendered chart: its container, its ports, and its arguments with mounted paths put elsewhere.

import { onlyOne } from '../../support/helm.ts';
import type { TestObject } from '../../support/kube-api.ts';

export interface PodTemplate {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>> | null;
  };
  readonly spec: {
    readonly serviceAccountName: string;
    readonly terminationGracePeriodSeconds: number;
    readonly containers: readonly [Container];
    readonly [field: string]: unknown;
  };
}

export interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly mountPath: string }[];
  readonly readinessProbe: { readonly httpGet: { readonly path: string; readonly port: string } };
  readonly livenessProbe: { readonly httpGet: { readonly path: string; readonly port: string } };
  readonly [field: string]: unknown;
}

/** Of the Deployment, or of the StatefulSet where there is none. */
export function podTemplate(objects: readonly TestObject[]): PodTemplate {
  const kind = objects.some((object) => object.kind === 'StatefulSet') ? 'StatefulSet' : 'Deployment';
  return (onlyOne(objects, kind)['spec'] as { readonly template: PodTemplate }).template;
}

export function container(objects: readonly TestObject[]): Container {
  return podTemplate(objects).spec.containers[0];
}

/** What comes after `serve`. `paths`: where each mounted path is instead. */
export function serveArguments({ args }: Container, paths: Readonly<Record<string, string>>): readonly string[] {
  const [command, ...options] = args;
  if (command !== 'serve') throw new Error(`the container runs ${String(command)}`);
  return options.map((option) =>
    Object.entries(paths).reduce((text, [mounted, path]) => text.replace(`=${mounted}`, `=${path}`), option),
  );
}

/** The volumes that a StatefulSet adds to each of its pods. */
export function claimedVolumes(objects: readonly TestObject[]): readonly unknown[] {
  const spec = objects.find(({ kind }) => kind === 'StatefulSet')?.['spec'] as
    { readonly volumeClaimTemplates: readonly { readonly metadata: { readonly name: string } }[] } | undefined;
  return (spec?.volumeClaimTemplates ?? []).map(({ metadata: { name } }) => ({
    name,
    persistentVolumeClaim: { claimName: `${name}-istiod-0` },
  }));
}
