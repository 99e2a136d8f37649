// The name by which objects of one cluster refer to each other: within a kind, and from their own namespace.

/** `NAMESPACE/NAME`. */
export const localName = (namespace: string, name: string): string => `${namespace}/${name}`;
