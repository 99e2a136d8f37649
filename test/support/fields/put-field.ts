// A value at a path of a schema (`a[].b{}.c`): the first item of lists, the key `key` of mappings; what is missing on the way is made.

export function putField(target: Record<string, unknown>, path: string, value: unknown): void {
  put(target, stepsOf(path), value);
}

/** `a[].b{}.c` → `a`, `[]`, `b`, `{}`, `c` */
function stepsOf(path: string): readonly string[] {
  return [...path.matchAll(/\[\]|\{\}|[^.[\]{}]+/g)].map(([step]) => step);
}

function put(target: Record<string, unknown>, steps: readonly string[], value: unknown): void {
  const [first = '', ...rest] = steps;
  const name = first === '[]' ? '0' : first === '{}' ? 'key' : first;
  if (rest.length === 0) {
    target[name] = value;
    return;
  }
  const known = target[name];
  if (typeof known !== 'object' || known === null) target[name] = rest[0] === '[]' ? [] : {};
  put(target[name] as Record<string, unknown>, rest, value);
}
