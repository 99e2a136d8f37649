// Which messages and enums a set of root messages needs: follows the type of every field. An Any ends the walk.
import protobuf from 'protobufjs';

/** What is reachable, by proto package; packages and members sorted by name. */
export interface ReachablePackage {
  readonly name: string;
  readonly members: readonly (protobuf.Type | protobuf.Enum)[];
}

/** Everything the fields of `messages` (full names) reach, the messages included. Throws when one is unknown. */
export function reachable(root: protobuf.Root, messages: readonly string[]): readonly ReachablePackage[] {
  const found = new Set<protobuf.Type | protobuf.Enum>();
  const pending: (protobuf.Type | protobuf.Enum)[] = messages.map((name) => root.lookupType(name));
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    if (!(next instanceof protobuf.Type)) continue;
    for (const field of next.fieldsArray) {
      const { resolvedType } = field.resolve();
      if (resolvedType !== null) pending.push(resolvedType);
    }
  }
  const packages = Map.groupBy(found, packageOf);
  return [...packages]
    .map(([name, members]) => ({ name, members: members.toSorted(byFullName) }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** What of `packages` is not in `others`; packages that are left empty are left out. */
export function without(
  packages: readonly ReachablePackage[],
  others: readonly ReachablePackage[],
): readonly ReachablePackage[] {
  const known = new Set(others.flatMap(({ members }) => members));
  return packages
    .map(({ name, members }) => ({ name, members: members.filter((member) => !known.has(member)) }))
    .filter(({ members }) => members.length > 0);
}

/** `envoy.config.cluster.v3` for anything declared in that package, however deep. */
export function packageOf(object: protobuf.ReflectionObject): string {
  let parent = object.parent;
  while (parent instanceof protobuf.Type) parent = parent.parent;
  return parent === null ? '' : fullName(parent);
}

/** The full name without protobufjs's leading dot. */
export function fullName(object: protobuf.ReflectionObject): string {
  return object.fullName.replace(/^\./, '');
}

function byFullName(a: protobuf.ReflectionObject, b: protobuf.ReflectionObject): number {
  return a.fullName < b.fullName ? -1 : 1;
}
