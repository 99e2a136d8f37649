// The environment and the command line of a container. In: its pod, the ConfigMaps and Secrets of the cluster, its image. Out: what
// a container runtime would be given, `$(VAR)` expanded.

import type { V1Container, V1EnvVar, V1Pod } from '@kubernetes/client-node';
import type { ImageProgram } from './images.ts';
import { fieldOf, resourceOf, type PodPlace } from './pod-fields.ts';

/** What pods of a cluster may refer to. */
export interface PodReferences {
  /** The texts of a ConfigMap or Secret in the pod's namespace; undefined when there is none. */
  readonly configMap: (name: string) => Readonly<Record<string, Buffer>> | undefined;
  readonly secret: (name: string) => Readonly<Record<string, Buffer>> | undefined;
}

export type Environment = Readonly<Record<string, string>>;

export interface EnvironmentOptions {
  readonly pod: V1Pod;
  readonly place: PodPlace;
  readonly container: V1Container;
  readonly references: PodReferences;
  /** What the image and the node give; the container's own come on top. */
  readonly base: Environment;
}

/** Throws when something is referred to that is not there and not optional. */
export function environmentOf({ pod, place, container, references, base }: EnvironmentOptions): Environment {
  const all: Record<string, string> = { ...base };
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const source = configMapRef ?? secretRef;
    const kind = configMapRef === undefined ? 'secret' : 'configMap';
    const texts = lookUp(references, kind, source?.name ?? '', source?.optional ?? false);
    for (const [key, text] of Object.entries(texts ?? {})) all[prefix + key] = text.toString('utf8');
  }
  for (const variable of container.env ?? []) {
    const value = valueOf(variable);
    if (value !== undefined) all[variable.name] = value;
  }
  return all;

  function valueOf({ value, valueFrom }: V1EnvVar): string | undefined {
    if (valueFrom === undefined) return expand(value ?? '', all);
    const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
    if (fieldRef !== undefined) return fieldOf(pod, place, fieldRef);
    if (resourceFieldRef !== undefined) return resourceOf(pod, container.name, resourceFieldRef);
    const key = configMapKeyRef ?? secretKeyRef;
    if (key === undefined) return undefined;
    const kind = configMapKeyRef === undefined ? 'secret' : 'configMap';
    const optional = key.optional ?? false;
    const text = lookUp(references, kind, key.name ?? '', optional)?.[key.key];
    if (text === undefined && !optional) throw new Error(`${kind} "${key.name}" has no key "${key.key}"`);
    return text?.toString('utf8');
  }
}

/** Throws when it is missing and not optional. */
export function lookUp(
  references: PodReferences,
  kind: keyof PodReferences,
  name: string,
  optional: boolean,
): Readonly<Record<string, Buffer>> | undefined {
  const found = references[kind](name);
  if (found === undefined && !optional) throw new Error(`${kind} "${name}" not found`);
  return found;
}

/** `$(NAME)` becomes its value, `$$` a `$`; a name that is not known stays as it stands. */
export function expand(text: string, environment: Environment): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (environment[name] ?? whole),
  );
}

export function commandLine(container: V1Container, image: ImageProgram, environment: Environment): readonly string[] {
  const expanded = (parts: readonly string[]): readonly string[] => parts.map((part) => expand(part, environment));
  const { command = [], args = [] } = container;
  const entrypoint = command.length > 0 ? expanded(command) : (image.entrypoint ?? []);
  const rest = args.length > 0 ? expanded(args) : command.length > 0 ? [] : (image.cmd ?? []);
  return [...entrypoint, ...rest];
}
