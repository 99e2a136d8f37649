// How a client chooses among the endpoints of a host, and how near they should be.

export type BalancingAlgorithm = 'round-robin' | 'least-request' | 'random' | 'passthrough';

export interface LoadBalancer {
  /** Absent: least request, or the consistent hash. */
  readonly algorithm?: BalancingAlgorithm | undefined;
  readonly consistentHash?: ConsistentHash | undefined;
  /** New endpoints get their share step by step. */
  readonly warmup?: Warmup | undefined;
  /** Absent: MeshConfig's. */
  readonly locality?: LocalitySettings | undefined;
}

export interface ConsistentHash {
  readonly key: HashKey;
  /** Absent size: the default, 1,024 points or a table of 65,537. */
  readonly table: { readonly kind: 'ring' | 'maglev'; readonly size?: number | undefined };
}

export type HashKey =
  | { readonly kind: 'header' | 'query'; readonly name: string }
  | { readonly kind: 'source-ip' }
  | {
      readonly kind: 'cookie';
      readonly name: string;
      readonly path?: string | undefined;
      /** Absent: no cookie is made for a client without one; 0: one for the session. */
      readonly ttlMs?: number | undefined;
      readonly attributes: readonly { readonly name: string; readonly value: string }[];
    };

export interface Warmup {
  readonly durationMs: number;
  readonly minimumPercent?: number | undefined;
  readonly aggression?: number | undefined;
}

/** Places are `*` or `REGION[/ZONE[/SUBZONE]]`, where `*` stands for every zone or subzone. */
export interface LocalitySettings {
  readonly enabled: boolean;
  /** For clients in `from` (the first entry that fits): percentages by place, together 100. */
  readonly distribute: readonly {
    readonly from: string;
    readonly to: readonly { readonly place: string; readonly percent: number }[];
  }[];
  /** From region to region. */
  readonly failover: readonly { readonly from: string; readonly to: string }[];
  /** `LABEL` (the client's own value) or `LABEL=VALUE`, the most important first. */
  readonly failoverPriority: readonly string[];
}
