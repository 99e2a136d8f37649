// One Kubernetes cluster as it is known at present. Runs a source and folds each of its batches into a new snapshot that
// shares everything the batch did not touch. Listeners hear what changed; readers ask for the snapshot and the status.

import { isDeepStrictEqual } from 'node:util';
import type { ChangeSet } from '../model/change-set.ts';
import type { ClusterMode, ClusterPhase, ClusterSnapshot, ClusterStatus } from '../model/cluster-snapshot.ts';
import { keyOf } from '../model/kubernetes-object.ts';
import type { MeshConfig, MeshNetworks } from '../model/mesh-config.ts';
import type { ClusterId, NetworkId, ObjectKey } from '../model/names.ts';
import { compareText } from '../model/network-gateway.ts';
import type { Origin, Problem } from '../model/problem.ts';
import { unknownName, type ResolvedName } from '../model/resolved-name.ts';
import type { StaleRule } from '../model/stale-rule.ts';
import type { Source, SourceBatch, SourceEvent } from '../model/source-event.ts';
import { ClusterIndex } from './cluster-index.ts';
import { ClusterPreview } from './cluster-preview.ts';
import { Derivation, type DerivationWork } from './derivation.ts';
import { foldDeletion, foldObject, formOf, putForm } from './fold-object.ts';
import { ObjectForms, type HeldForm } from './object-forms.ts';

export interface ClusterRegistryOptions {
  readonly clusterId: ClusterId;
  readonly mode: ClusterMode;
  readonly source: Source;
  /** The cluster's network when nothing in it or in MeshNetworks says otherwise; empty: unnamed. */
  readonly network: NetworkId;
  /** Counts the credentials or directories that this cluster was read with; a later one replaces an earlier one. */
  readonly generation?: number | undefined;
  readonly config: MeshConfig;
  readonly meshNetworks: MeshNetworks;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** What is known of a load balancer's host name at present. */
  readonly resolve?: ((hostname: string) => ResolvedName) | undefined;
  /** As `resolve`, for a question that is to change nothing. */
  readonly peek?: ((hostname: string) => ResolvedName) | undefined;
  /** What becomes of the endpoints while the cluster can't be reached, where it differs from the mesh's rule. */
  readonly staleRule?: StaleRule | undefined;
}

/** Hears what a batch changed (which may be nothing) and whether the phase did. */
export type ClusterListener = (change: ChangeSet, phase: ClusterPhase) => void;

/** Findings listed in a status; a directory of nonsense must not fill every answer. */
const maxProblems = 500;

export class ClusterRegistry {
  readonly clusterId: ClusterId;
  readonly mode: ClusterMode;
  readonly generation: number;
  readonly #options: ClusterRegistryOptions;
  readonly #index = new ClusterIndex();
  readonly #derivation: Derivation;
  readonly #listeners = new Set<ClusterListener>();
  readonly #objectProblems = new Map<ObjectKey, readonly Problem[]>();
  /** All findings as a status lists them; undefined when they may be others. */
  #listed: readonly Problem[] | undefined;
  readonly #withheld = new Set<ObjectKey>();
  readonly #forms = new ObjectForms();
  #sourceProblems: readonly Problem[] = [];
  #connected: boolean | undefined;
  #synced = false;
  #remembered = false;
  #reason: string | undefined;
  #staleSinceMs: number | undefined;
  #lastEventAtMs: number | undefined;
  #staleRule: StaleRule | undefined;

  constructor(options: ClusterRegistryOptions) {
    this.clusterId = options.clusterId;
    this.mode = options.mode;
    this.generation = options.generation ?? 0;
    this.#staleRule = options.staleRule;
    this.#options = options;
    this.#derivation = new Derivation({
      clusterId: options.clusterId,
      mode: options.mode,
      domain: options.config.domain,
      systemNamespace: options.config.systemNamespace,
      configuredNetwork: options.network,
      meshNetworks: options.meshNetworks,
      resolve: options.resolve ?? (() => unknownName),
      index: this.#index,
      meshDefaults: { config: options.config, meshNetworks: options.meshNetworks },
    });
  }

  get snapshot(): ClusterSnapshot {
    return this.#derivation.snapshot;
  }

  /** Everything that existed at the start has been told. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Its objects can be served: they were read, or are remembered from before this process started. */
  get known(): boolean {
    return this.#synced || this.#remembered;
  }

  /** Since when nothing is heard of it (milliseconds since the epoch), while what is known of it is served all the same. */
  get staleSinceMs(): number | undefined {
    return this.#staleSinceMs;
  }

  get staleRule(): StaleRule | undefined {
    return this.#staleRule;
  }

  get phase(): ClusterPhase {
    if (!this.#synced && this.#remembered) return 'stale';
    if (this.#connected === undefined) return 'connecting';
    if (!this.#connected) return this.#synced ? 'stale' : 'failed';
    return this.#synced ? 'running' : 'syncing';
  }

  /** How much was derived since the start: the work that a change causes. */
  get work(): DerivationWork {
    return this.#derivation.work;
  }

  /** Reads the source until the signal aborts; resolves when it has stopped. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#options.source.run((batch) => this.fold(batch), signal);
  }

  /** Returns the function that ends the subscription. */
  onChange(listener: ClusterListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes one batch of the source. */
  fold(batch: SourceBatch): void {
    if (batch.some((event) => isFromCluster(event))) this.#lastEventAtMs = this.#options.now();
    for (const event of batch) this.#take(event);
    this.#settle();
  }

  /** The cluster as it would be with other objects. `assignedAtMs`: when an API server would take new ones. */
  preview(options: { readonly assignedAtMs?: number | undefined } = {}): ClusterPreview {
    const peek = this.#options.peek ?? (() => unknownName);
    return new ClusterPreview({
      ...options,
      index: this.#index,
      derivation: this.#derivation,
      forms: { declare: (...declared) => this.#forms.wouldBe(...declared) },
      peek,
    });
  }

  /**
   * A policy or ServiceEntry can't be used as it is in force: its form before is in force from now on, or nothing of it where there
   * is none, until it is declared in another form. Undefined when there is nothing to take back.
   */
  holdBack(key: ObjectKey): HeldForm | undefined {
    const instead = this.#forms.holdBack(key, formOf(this.#index, key));
    if (instead === undefined) return undefined;
    putForm(this.#index, key, instead.form);
    this.#settle();
    return this.#forms.held(key);
  }

  /** The object is in force as it is declared again. */
  release(key: ObjectKey): void {
    const form = this.#forms.release(key);
    if (form === undefined) return;
    putForm(this.#index, key, form);
    this.#settle();
  }

  /** Where a policy or ServiceEntry is declared, as far as its source says. */
  originOf(key: ObjectKey): Origin | undefined {
    return (this.#forms.declared(key) ?? formOf(this.#index, key))?.origin;
  }

  /** What is in force of an object that is held back; undefined when none is. */
  heldBack(key: ObjectKey): HeldForm | undefined {
    return this.#forms.held(key);
  }

  /** The networks of the mesh were declared anew. */
  updateNetworks(meshNetworks: MeshNetworks): void {
    this.#derivation.meshNetworks = meshNetworks;
    this.#index.touchEverything();
    this.#settle();
  }

  /** It takes effect at once, also on a cluster that can't be reached now. */
  updateStaleRule(staleRule: StaleRule | undefined): void {
    if (isDeepStrictEqual(staleRule, this.#staleRule)) return;
    this.#staleRule = staleRule;
    this.#settle();
  }

  /** What `resolve` answers has changed. */
  refreshGateways(): void {
    this.#index.affected.gateways = true;
    this.#settle();
  }

  status(): ClusterStatus {
    const problems = this.#problems();
    const error = this.#reason ?? summarize(problems);
    const { snapshot } = this;
    return {
      clusterId: this.clusterId,
      network: snapshot.network,
      mode: this.mode,
      phase: this.phase,
      ...(this.#lastEventAtMs === undefined ? {} : { lastEventAt: new Date(this.#lastEventAtMs).toISOString() }),
      services: snapshot.services.size,
      endpoints: this.#derivation.endpointCount,
      ...(this.#staleSinceMs === undefined ? {} : { staleSince: new Date(this.#staleSinceMs).toISOString() }),
      ...(error === undefined ? {} : { error }),
      problems,
      conditions: this.#conditions(),
    };
  }

  /** Every finding about its objects, in no order: `status` lists only so many. */
  get findings(): readonly Problem[] {
    const { gatewayProblems, networkProblems } = this.#derivation;
    return [
      ...this.#sourceProblems,
      ...gatewayProblems,
      ...networkProblems,
      ...[...this.#objectProblems.values()].flat(),
    ];
  }

  #conditions(): ClusterStatus['conditions'] {
    if (this.#synced || !this.#remembered || this.#staleSinceMs === undefined) return [];
    const asOf = new Date(this.#staleSinceMs).toISOString();
    const message = `served from memory (--state-dir), as it was at ${asOf}, until the cluster has been read; nothing is withdrawn before`;
    return [{ name: 'remembered', message }];
  }

  #take(event: SourceEvent): void {
    switch (event.kind) {
      case 'remembered':
        this.#remembered = true;
        this.#staleSinceMs = event.asOfMs;
        this.#lastEventAtMs = event.asOfMs;
        return;
      case 'changed': {
        const key = keyOf(event.object);
        this.#withheld.delete(key);
        const problems = foldObject(this.#index, event.object, this.#derivation.context, this.#forms);
        if (problems.length > 0) this.#objectProblems.set(key, problems);
        if (problems.length > 0 || this.#objectProblems.delete(key)) this.#listed = undefined;
        return;
      }
      case 'deleted':
        // Before everything was told once, what is missing may only not have been told yet.
        if (this.#synced) this.#delete(event.key);
        else this.#withheld.add(event.key);
        return;
      case 'synced':
        this.#synced = true;
        if (this.#connected === true) this.#staleSinceMs = undefined;
        for (const key of this.#withheld) this.#delete(key);
        this.#withheld.clear();
        return;
      case 'problems':
        this.#sourceProblems = event.problems;
        this.#listed = undefined;
        return;
      case 'connected':
        this.#connected = true;
        this.#reason = undefined;
        // What is remembered is as old as before until it has been compared.
        if (this.#synced || !this.#remembered) this.#staleSinceMs = undefined;
        return;
      case 'disconnected':
        if (this.#connected !== false && this.#synced) this.#staleSinceMs = this.#options.now();
        this.#connected = false;
        this.#reason = event.reason;
    }
  }

  #delete(key: ObjectKey): void {
    this.#forms.forget(key);
    foldDeletion(this.#index, key, this.#derivation.context);
    if (this.#objectProblems.delete(key)) this.#listed = undefined;
  }

  #settle(): void {
    const { gatewayProblems, networkProblems } = this.#derivation;
    const change = this.#derivation.derive();
    const isSame = this.#derivation.gatewayProblems === gatewayProblems;
    if (!isSame || this.#derivation.networkProblems !== networkProblems) this.#listed = undefined;
    for (const listener of this.#listeners) listener(change, this.phase);
  }

  /** In the order of objects, whatever the order in which they were found; the same list until one of them is another. */
  #problems(): readonly Problem[] {
    this.#listed ??= this.#list();
    return this.#listed;
  }

  #list(): readonly Problem[] {
    const found = [...this.#objectProblems.values()].flat();
    found.push(...this.#derivation.gatewayProblems, ...this.#derivation.networkProblems);
    const all = [
      ...this.#sourceProblems,
      ...found.toSorted((a, b) => compareText(placeAndObject(a), placeAndObject(b))),
    ];
    return all.length <= maxProblems ? all : [...all.slice(0, maxProblems), moreProblems(all.length - maxProblems)];
  }
}

/** Whether the cluster was heard, rather than only missed. */
function isFromCluster({ kind }: SourceEvent): boolean {
  return kind !== 'disconnected' && kind !== 'problems' && kind !== 'remembered';
}

function moreProblems(count: number): Problem {
  const message = `${count} more findings are not listed: correct those that are, and the next will show.`;
  return { severity: 'warning', code: 'more-problems', message };
}

function placeAndObject(problem: Problem): string {
  return `${problem.origin?.place ?? ''} ${problem.object ?? ''}`;
}

/** One sentence for a status line; the problems themselves are beside it. */
function summarize(problems: readonly Problem[]): string | undefined {
  const errors = problems.filter((problem) => problem.severity === 'error');
  const [first] = errors;
  if (first === undefined) return undefined;
  const place = first.origin === undefined ? '' : `${first.origin.place}:${first.origin.line ?? 1}: `;
  const object = first.object === undefined ? '' : `${first.object}: `;
  const more = errors.length === 1 ? '' : ` (and ${errors.length - 1} more)`;
  return `${place}${object}${first.message}${more}`;
}
