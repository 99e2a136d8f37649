// A name for a port whose own name another port of the host has.

/** `wanted`, or `wanted-2` and so on: the first that is not taken. */
export function freeName(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted;
  for (let count = 2; taken.has(name); count += 1) name = `${wanted}-${count}`;
  return name;
}
