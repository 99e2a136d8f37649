// The answer to "what would change if these objects were applied": the document of `POST /api/v1/diff`. Names are fixed, lists bounded.

import type { ObjectKey } from '../../discovery/model/names.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import type { Deleted, Written } from '../../discovery/registry/cluster-preview.ts';
import type { ToldChange } from './tell-once.ts';

/** What a list holds at most; how many there are beyond is said beside it. */
export const diffLimits = Object.freeze({
  resources: 500,
  fields: 40,
  proxies: 50,
  groups: 100,
  findings: 200,
  objects: 5_000,
});

export interface DiffReport {
  /** Whether any proxy would be sent anything. */
  readonly changes: boolean;
  /** One sentence. */
  readonly summary: string;
  /** `NAME.NAMESPACE`, when only one proxy was asked about. */
  readonly proxy?: string | undefined;
  readonly objects: readonly DiffObject[];
  /** Findings that are not there now, about these or other objects, and those that would be gone. */
  readonly findings: { readonly added: readonly Problem[]; readonly gone: readonly Problem[] };
  /** Resources that differ, by type and name. One that differs in the same way for several classes of proxies is listed once. */
  readonly resources: readonly DiffResource[];
  readonly moreResources: number;
  /** Proxies that would be sent the same, with how much. */
  readonly proxies: readonly DiffProxies[];
  readonly moreProxies: number;
  /** Distinct proxies that would be sent something, and all that are connected here. */
  readonly proxyCount: number;
  readonly connectedCount: number;
  /** What an answer of this kind can't know. */
  readonly remarks: readonly string[];
}

export interface DiffObject {
  readonly object: ObjectKey;
  /**
   * Against what the instance has of it. `unchanged`: the same, as far as it is read. `absent`: to be deleted, and not there. `refused`:
   * not obeyed as it is, see its findings. `not-looked-at`: of a kind that the instance does not keep. `passed-over`: says nothing before
   * it runs.
   */
  readonly change: Written | Deleted;
  readonly findings: readonly Problem[];
}

export interface DiffResource {
  /** `cds`, `eds`, `lds`, `rds`, `vhds`, `nds`. */
  readonly type: string;
  readonly typeUrl: string;
  readonly name: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** Of one that changed: each distinct change once. Secrets in it are not shown. */
  readonly fields: readonly ToldChange[];
  readonly moreFields: number;
  readonly proxyCount: number;
  /** The first of them. */
  readonly proxies: readonly string[];
  /** Objects of the question that it changes because of; empty when that was not worked out. */
  readonly causes: readonly ObjectKey[];
  /** Objects that it is made from, then or now. */
  readonly sources: readonly ObjectKey[];
}

export interface DiffProxies {
  readonly proxyCount: number;
  readonly proxies: readonly string[];
  readonly resources: Readonly<Record<string, number>>;
}
