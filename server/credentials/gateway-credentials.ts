// Who gets which credential: an Envoy on the TLS port whose proven identity is that of a workload that the mesh knows at its
// address, for Gateways that select that workload by its own labels, and only Secrets of its own namespace. What a node says of its
// labels counts for nothing here. In: streams and the mesh. Out: a snapshot of secrets for each stream.

import { CaError } from '../../ca/ca-error.ts';
import { parseSpiffeId } from '../../ca/spiffe.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { GatewayPolicy } from '../../discovery/model/policy.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import { PersistentMap } from '../../discovery/model/persistent-map.ts';
import type { Workload } from '../../discovery/model/workload.ts';
import { resourceName, type EncodedResource, type ResourceName } from '../cache/encoded-resource.ts';
import { emptyTypeSnapshot, type TypeSnapshot } from '../cache/type-snapshot.ts';
import type { Proxy } from '../proxy/proxy.ts';
import { labelsMatch } from '../view/visibility.ts';
import { CredentialStore, type UseInNamespace } from './credential-store.ts';
import { credentialUses, type CredentialUse } from './credential-use.ts';
import type { SecretFeed } from './secret-feed.ts';

export interface GatewayCredentialsOptions {
  readonly feed: SecretFeed;
  readonly now: () => number;
  readonly mesh: () => MeshSnapshot;
}

/** The other end of a stream. */
export interface CredentialHolder {
  readonly proxy: Proxy;
  /** SPIFFE id, proven; absent on the plaintext port. */
  readonly identity: string | undefined;
  /** Its secrets are others now. */
  readonly onChange: () => void;
}

/** One stream's secrets. */
export interface HeldCredentials {
  /** The same reference until something in it changes. */
  snapshot(): TypeSnapshot;
  release(): void;
}

interface Holding {
  readonly holder: CredentialHolder;
  uses: readonly CredentialUse[];
  refused: readonly CredentialUse[];
  snapshot: TypeSnapshot;
}

export class GatewayCredentials {
  readonly #options: GatewayCredentialsOptions;
  readonly #store: CredentialStore;
  readonly #holdings = new Set<Holding>();

  constructor(options: GatewayCredentialsOptions) {
    this.#options = options;
    const { feed, now } = options;
    this.#store = new CredentialStore({ feed, now, onChange: () => this.#renew() });
  }

  /** Undefined for a stream that is never given any: not a gateway, or not known to be one. */
  hold(holder: CredentialHolder): HeldCredentials | undefined {
    if (holder.proxy.type !== 'router' || holder.identity === undefined) return undefined;
    const holding: Holding = { holder, uses: [], refused: [], snapshot: emptyTypeSnapshot };
    this.#holdings.add(holding);
    this.#decide(holding);
    this.#follow();
    holding.snapshot = this.#compose(holding);
    return {
      snapshot: () => holding.snapshot,
      release: () => {
        this.#holdings.delete(holding);
        this.#follow();
      },
    };
  }

  /** The mesh is another one: Gateways or workloads may be. */
  update(): void {
    if (this.#holdings.size === 0) return;
    for (const holding of this.#holdings) this.#decide(holding);
    this.#follow();
    this.#renew();
  }

  problems(): readonly Problem[] {
    const refused = new Map<string, Problem>();
    for (const { holder, refused: uses } of this.#holdings) {
      for (const use of uses) refused.set(`${use.gateway.source} ${use.field}`, refusal(holder, use));
    }
    return [...this.#store.problems(), ...refused.values()];
  }

  /** Secrets that are followed, `NAMESPACE/NAME`. */
  followed(): readonly string[] {
    return this.#store.followed();
  }

  #decide(holding: Holding): void {
    const mesh = this.#options.mesh();
    const { proxy } = holding.holder;
    const workload = provenWorkload(holding.holder, mesh);
    const selecting = (labels: Readonly<Record<string, string>>): readonly CredentialUse[] =>
      mesh.policies.gateways.filter(({ selector }) => labelsMatch(selector, labels)).flatMap(usesOf);
    holding.uses = workload === undefined ? [] : selecting(workload.labels);
    holding.refused = workload === undefined ? selecting(proxy.labels) : [];
  }

  #follow(): void {
    const uses: UseInNamespace[] = [];
    for (const { holder, uses: held } of this.#holdings) {
      for (const use of held) uses.push({ namespace: holder.proxy.namespace, use });
    }
    this.#store.setUses(uses);
  }

  #renew(): void {
    for (const holding of this.#holdings) {
      const next = this.#compose(holding);
      if (next === holding.snapshot) continue;
      holding.snapshot = next;
      holding.holder.onChange();
    }
  }

  #compose({ holder, uses, snapshot }: Holding): TypeSnapshot {
    const [before = PersistentMap.empty<ResourceName, EncodedResource>()] = snapshot.parts;
    const edits = new Map<ResourceName, EncodedResource | undefined>();
    for (const name of before.keys()) edits.set(name, undefined);
    for (const { resource } of uses) {
      edits.set(resourceName(resource), this.#store.resource(holder.proxy.namespace, resource));
    }
    const after = before.with(edits);
    return after === before ? snapshot : { parts: [after] };
  }
}

const usesByGateway = new WeakMap<GatewayPolicy, readonly CredentialUse[]>();

/** Of a Gateway, which is immutable: the same uses each time. */
function usesOf(gateway: GatewayPolicy): readonly CredentialUse[] {
  const known = usesByGateway.get(gateway) ?? credentialUses(gateway);
  usesByGateway.set(gateway, known);
  return known;
}

/** The workload of the primary that is at the proxy's address and is who the stream has proven to be. */
function provenWorkload({ proxy, identity }: CredentialHolder, mesh: MeshSnapshot): Workload | undefined {
  if (identity === undefined || proxy.clusterId !== mesh.primary) return undefined;
  const proven = parseSpiffeId(identity);
  if (proven instanceof CaError || proven.namespace !== proxy.namespace) return undefined;
  for (const address of proxy.addresses) {
    const workload = mesh.workloads.get(address);
    const is = workload?.identity;
    if (is?.namespace === proven.namespace && is.serviceAccount === proven.serviceAccount) return workload;
  }
  return undefined;
}

function refusal({ proxy, identity }: CredentialHolder, { gateway, field, secrets }: CredentialUse): Problem {
  const { source: object, origin } = gateway;
  return {
    severity: 'error',
    code: 'credential-refused',
    object,
    field,
    ...(origin === undefined ? {} : { origin }),
    message:
      `The proxy ${proxy.nodeId} with the identity ${identity ?? ''} is not a workload that is known in this cluster, so it is ` +
      `not given the Secret ${proxy.namespace}/${secrets.at(-1) ?? ''}; run it in a pod (or declare a WorkloadEntry) with that ` +
      `address and service account and the labels of the selector.`,
  };
}
