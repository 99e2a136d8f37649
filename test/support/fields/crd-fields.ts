// Every field that the schema of a kind has, from the CustomResourceDefinitions that Istio publishes. In: their YAML. Out: by kind, the
// paths of the leaves below `spec`, with `[]` for each item of a list and `{}` for each key of a mapping.

import { parseAllDocuments } from 'yaml';
import { readGoModuleFile } from '../go-module-file.ts';

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly enum?: readonly string[];
}

export interface CrdField {
  /** `http[].route[].weight` */
  readonly path: string;
  /** A value of its type. */
  readonly sample: unknown;
  /** Of a choice: all that may be chosen. */
  readonly values?: readonly string[] | undefined;
}

export interface CrdKind {
  readonly kind: string;
  readonly apiVersion: string;
  readonly fields: readonly CrdField[];
}

interface Definition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

export const publishedApi = {
  module: 'istio.io/api',
  version: 'v1.31.1',
  path: 'kubernetes/customresourcedefinitions.gen.yaml',
} as const;

/** In the order of names. */
export async function readCrdKinds(): Promise<readonly CrdKind[]> {
  const documents = parseAllDocuments(await readGoModuleFile(publishedApi));
  const definitions = ('empty' in documents ? [] : documents).map((document) => document.toJS() as Definition | null);
  const kinds = definitions.flatMap((definition) => {
    if (definition?.spec === undefined) return [];
    const { group, names, versions } = definition.spec;
    const version = versions.find(({ name }) => name === 'v1') ?? versions.at(-1);
    const spec = version?.schema.openAPIV3Schema.properties?.['spec'];
    if (version === undefined || spec === undefined) return [];
    return [{ kind: names.kind, apiVersion: `${group}/${version.name}`, fields: [...leavesOf(spec, '')] }];
  });
  return kinds.toSorted((a, b) => (a.kind < b.kind ? -1 : 1));
}

function* leavesOf(schema: Schema, path: string): Generator<CrdField> {
  const { properties, items, additionalProperties } = schema;
  if (properties !== undefined && Object.keys(properties).length > 0) {
    for (const [name, inner] of Object.entries(properties)) {
      yield* leavesOf(inner, path === '' ? name : `${path}.${name}`);
    }
  } else if (items !== undefined) yield* leavesOf(items, `${path}[]`);
  else if (typeof additionalProperties === 'object') yield* leavesOf(additionalProperties, `${path}{}`);
  else yield { path, sample: sampleOf(schema), values: schema.enum };
}

function sampleOf({ type, enum: values }: Schema): unknown {
  if (values !== undefined) return values.find((value) => !/UNSET|UNDEFINED|UNSPECIFIED/.test(value)) ?? values[0];
  if (type === 'integer' || type === 'number') return 1;
  if (type === 'boolean') return true;
  return type === 'object' || type === undefined ? {} : 'text';
}
