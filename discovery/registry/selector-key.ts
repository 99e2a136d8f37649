// Keys under which selectors and the labels that they look for meet: a selector is filed under one label, and a workload under each of its
// labels, so that a workload finds the few selectors that may select it and a selector the few workloads.

export const labelKey = (namespace: string, name: string, value: string): string => `${namespace}/${name}=${value}`;

/** A selector is filed under the first of its labels in text order. */
export function selectorKey(namespace: string, selector: Readonly<Record<string, string>>): string {
  const name = firstLabel(selector);
  return labelKey(namespace, name, selector[name] ?? '');
}

/** The name of the label that a selector is filed under. */
export function firstLabel(selector: Readonly<Record<string, string>>): string {
  const [name = ''] = Object.keys(selector).toSorted();
  return name;
}
