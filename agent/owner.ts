// The user and group that Envoy runs as, and that therefore own what is meant for it alone.

export type Owner = { readonly uid: number; readonly gid: number };
