// Writes reachable types as a protobufjs JSON bundle (`Root.fromJSON`) without comments or annotations, each message
// on a line of its own so that a change of version reads as a diff.
import protobuf from 'protobufjs';
import { fullName, type ReachablePackage } from './reach.ts';

type Json = { readonly [key: string]: unknown };

/** A package, a message, an enum, or a message that is only there to hold nested ones. */
interface Node {
  own: Json | undefined;
  readonly nested: Map<string, Node>;
  /** Whether this is (part of) a package name: those are printed over several lines. */
  isPackage: boolean;
}

/** The bundle as text, ending in a newline; equal packages give equal text. */
export function printDescriptor(packages: readonly ReachablePackage[]): string {
  const root: Node = { own: undefined, nested: new Map(), isPackage: true };
  for (const { name, members } of packages) {
    childAt(root, name, true);
    for (const member of members) childAt(root, fullName(member), false).own = describe(member);
  }
  return `${printNode(root, '')}\n`;
}

function childAt(root: Node, path: string, isPackage: boolean): Node {
  let node = root;
  for (const part of path.split('.')) {
    const child: Node = node.nested.get(part) ?? { own: undefined, nested: new Map(), isPackage };
    node.nested.set(part, child);
    node = child;
  }
  node.isPackage ||= isPackage;
  return node;
}

function printNode(node: Node, indent: string): string {
  if (!node.isPackage) return JSON.stringify(flatten(node));
  const inner = `${indent} `;
  const lines = sorted(node).map(([name, child]) => `${inner}${JSON.stringify(name)}: ${printNode(child, inner)}`);
  return `{"nested": {\n${lines.join(',\n')}\n${indent}}}`;
}

function flatten(node: Node): Json {
  if (node.nested.size === 0) return { ...node.own };
  return { ...node.own, nested: Object.fromEntries(sorted(node).map(([name, child]) => [name, flatten(child)])) };
}

function sorted(node: Node): readonly [string, Node][] {
  return [...node.nested].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function describe(member: protobuf.Type | protobuf.Enum): Json {
  if (member instanceof protobuf.Enum) {
    const options = keepOptions(member.options, ['allow_alias']);
    return { ...edition(member), ...(options && { options }), values: member.values };
  }
  const fields = member.fieldsArray.toSorted((a, b) => a.id - b.id);
  const oneofs = member.oneofsArray.map((oneof) => [oneof.name, { oneof: oneof.oneof }] as const);
  return {
    ...edition(member),
    ...(oneofs.length > 0 && { oneofs: Object.fromEntries(oneofs) }),
    fields: Object.fromEntries(fields.map((field) => [field.name, describeField(field)])),
  };
}

function describeField(field: protobuf.Field): Json {
  const options = keepOptions(field.options, ['proto3_optional', 'packed', 'default']);
  return {
    ...(field.repeated && { rule: 'repeated' }),
    ...(field instanceof protobuf.MapField && { keyType: field.keyType }),
    type: field.resolvedType?.fullName ?? field.type,
    id: field.id,
    ...(camelCaseOf(field) !== field.name && { protoName: field.protoName }),
    ...(options && { options }),
  };
}

/** The name protobufjs would give the field; it differs where one was renamed, and then the original is needed. */
function camelCaseOf(field: protobuf.Field): string {
  return field.parent?.fullName === '.google.protobuf.Any' && field.protoName !== undefined
    ? field.protoName
    : field.name;
}

function keepOptions(options: Json | undefined, names: readonly string[]): Json | undefined {
  const kept = Object.entries(options ?? {}).filter(([name]) => names.includes(name));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** protobufjs takes a bundle's types for proto3 unless they say otherwise. */
function edition(member: protobuf.Type | protobuf.Enum): Json {
  const declared = member.toJSON()['edition'];
  return declared === undefined ? {} : { edition: declared };
}
