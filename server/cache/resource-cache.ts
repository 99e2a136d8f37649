// The engine between the mesh and the streams: proxies are served in classes, a class is an outbound and an inbound
// view, a change recomputes what depends on it, and who is attached hears which types differ.

import type { ChangeSet } from '../../discovery/model/change-set.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import { compareText } from '../../discovery/model/network-gateway.ts';
import type { Problem } from '../../discovery/model/problem.ts';
import { Cluster } from '../../proto/generated/envoy.config.cluster.v3.ts';
import { TypedExtensionConfig } from '../../proto/generated/envoy.config.core.v3.ts';
import { ClusterLoadAssignment } from '../../proto/generated/envoy.config.endpoint.v3.ts';
import { Listener } from '../../proto/generated/envoy.config.listener.v3.ts';
import { RouteConfiguration, VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';
import { NameTable } from '../../proto/generated/istio.networking.nds.v1.ts';
import { locateProxy } from '../proxy/locate-proxy.ts';
import type { Proxy } from '../proxy/proxy.ts';
import type { InboundScope, OutboundScope } from '../view/scope.ts';
import { policiesMoveProxies } from '../view/policies-move-proxies.ts';
import { viewKeysOf } from '../view/view-key.ts';
import { indexViews, type ViewIndex } from '../view/view-index.ts';
import { affectedAddresses } from './affected-addresses.ts';
import { SharedAffectedHosts } from './affected-hosts.ts';
import { ChangeCauses } from './change-causes.ts';
import { FanOut } from './fan-out.ts';
import { InboundResources } from './inbound-resources.ts';
import { OutboundResources } from './outbound-resources.ts';
import type { EncodingListener } from './resource-sets.ts';
import { emptyTypeSnapshot, type TypeSnapshot } from './type-snapshot.ts';
import { ViewFindings } from './view-findings.ts';
import { ViewStore } from './view-store.ts';

/** The types that are generated here for every proxy; a name table is, beside them, for those that ask for it. */
export const generatedTypes: readonly string[] = Object.freeze([
  Cluster.typeUrl,
  ClusterLoadAssignment.typeUrl,
  Listener.typeUrl,
  RouteConfiguration.typeUrl,
  VirtualHost.typeUrl,
  TypedExtensionConfig.typeUrl,
]);

/** One proxy's hold on its class. */
export interface Attachment {
  /** As announced, completed from the mesh; another value when the mesh says something else. */
  readonly proxy: Proxy;
  /** The same reference until something in it changes. */
  snapshot(typeUrl: string): TypeSnapshot;
  detach(): void;
}

/** A class of attached proxies as it is now, for those who compare. */
export interface ServedClass {
  readonly outboundKey: string;
  readonly inboundKey: string;
  /** As announced, and as completed from the mesh. */
  readonly members: readonly { readonly announced: Proxy; readonly proxy: Proxy }[];
  readonly snapshots: ReadonlyMap<string, TypeSnapshot>;
  readonly inbound: InboundResources;
  /** A copy of the outbound resources, which its holder may change. */
  copyOutbound(affected: SharedAffectedHosts): OutboundResources;
}

type ChangeListener = (changedTypes: ReadonlySet<string>) => void;

/** All proxies with the same outbound and inbound view: they share every snapshot. */
interface ProxyClass {
  readonly key: string;
  readonly outboundKey: string;
  readonly inboundKey: string;
  readonly outbound: OutboundResources;
  readonly inbound: InboundResources;
  readonly snapshots: Map<string, TypeSnapshot>;
  readonly members: Set<Member>;
}

interface MemberOptions {
  readonly announced: Proxy;
  readonly listener: ChangeListener;
  readonly proxy: Proxy;
  readonly proxyClass: ProxyClass;
  readonly onDetach: (member: Member) => void;
}

class Member implements Attachment {
  readonly announced: Proxy;
  readonly listener: ChangeListener;
  readonly #onDetach: (member: Member) => void;
  proxy: Proxy;
  proxyClass: ProxyClass;

  constructor({ announced, listener, proxy, proxyClass, onDetach }: MemberOptions) {
    this.announced = announced;
    this.listener = listener;
    this.proxy = proxy;
    this.proxyClass = proxyClass;
    this.#onDetach = onDetach;
  }

  snapshot(typeUrl: string): TypeSnapshot {
    return snapshotOf(this.proxyClass, typeUrl);
  }

  detach(): void {
    this.#onDetach(this);
  }
}

export class ResourceCache {
  /** What the last changes made. */
  readonly causes = new ChangeCauses();
  readonly #outbound: ViewStore<OutboundScope, OutboundResources>;
  readonly #inbound: ViewStore<InboundScope, InboundResources>;
  readonly #classes = new Map<string, ProxyClass>();
  /** By view; only those that have any. */
  readonly #classesOfView = new Map<OutboundResources | InboundResources, Set<ProxyClass>>();
  readonly #fanOut = new FanOut<Member>({ tell: ({ listener }, types) => listener(types) });
  readonly #membersByAddress = new Map<string, Set<Member>>();
  readonly #onDetach = (member: Member): void => this.#detach(member);
  #mesh: MeshSnapshot;
  #index: ViewIndex;

  constructor(mesh: MeshSnapshot, onEncoded?: EncodingListener) {
    const affected = new SharedAffectedHosts();
    this.#outbound = new ViewStore((scope, mesh) => OutboundResources.make({ scope, mesh, onEncoded, affected }));
    this.#inbound = new ViewStore((scope, current) => new InboundResources(scope, current, onEncoded));
    this.#mesh = mesh;
    this.#index = indexViews(mesh);
  }

  get mesh(): MeshSnapshot {
    return this.#mesh;
  }

  /** Distinct classes of attached proxies. */
  get classCount(): number {
    return this.#classes.size;
  }

  /** Attached proxies that have still to be told of a change. */
  get waitingCount(): number {
    return this.#fanOut.waiting;
  }

  /** Of `mesh`. */
  get index(): ViewIndex {
    return this.#index;
  }

  /** The classes in use, in the order of their outbound keys. */
  classKeys(): readonly string[] {
    return [...this.#classes.keys()].toSorted(compareText);
  }

  /** A class as it is now; undefined when it is in use no longer. */
  servedClass(key: string): ServedClass | undefined {
    const found = this.#classes.get(key);
    if (found === undefined) return undefined;
    const { outboundKey, inboundKey, members, snapshots, inbound, outbound } = found;
    return {
      outboundKey,
      inboundKey,
      members: [...members].map(({ announced, proxy }) => ({ announced, proxy })),
      snapshots: new Map(snapshots),
      inbound,
      copyOutbound: (affected) => outbound.copy(affected),
    };
  }

  /** Findings about policies that showed when resources were made for the attached proxies, each once. */
  problems(): readonly Problem[] {
    const findings = new ViewFindings();
    for (const { outbound, inbound } of this.#classes.values()) findings.add(outbound, inbound);
    return findings.problems();
  }

  /** Serves a proxy from its class until it detaches. The listener is called after each change that it can see. */
  attach(announced: Proxy, listener: ChangeListener): Attachment {
    const proxy = locateProxy(announced, this.#mesh);
    const member = new Member({
      announced,
      listener,
      proxy,
      proxyClass: this.#classOf(proxy),
      onDetach: this.#onDetach,
    });
    member.proxyClass.members.add(member);
    for (const address of announced.addresses) {
      const members = this.#membersByAddress.get(address) ?? new Set();
      this.#membersByAddress.set(address, members.add(member));
    }
    return member;
  }

  /** Takes the next state of the mesh; `change` must cover all that differs from the one before. */
  update(mesh: MeshSnapshot, change: ChangeSet): void {
    const before = this.#index;
    this.#mesh = mesh;
    this.causes.begin(before.mesh, mesh, change);
    this.#index = indexViews(mesh, this.#index);
    const outbound = this.#outbound.update(mesh, change);
    const inbound = this.#inbound.update(mesh, change);
    const told = new Map<Member, ReadonlySet<string>>();
    for (const proxyClass of this.#classesWith([...outbound.keys(), ...inbound.keys()])) {
      const types = (outbound.get(proxyClass.outbound) ?? noTypes).union(inbound.get(proxyClass.inbound) ?? noTypes);
      for (const typeUrl of types) {
        const after = compose(proxyClass, typeUrl);
        this.causes.note(proxyClass.snapshots.get(typeUrl), after);
        proxyClass.snapshots.set(typeUrl, after);
      }
      for (const member of proxyClass.members) told.set(member, types);
    }
    for (const member of this.#membersToPlace(before, change)) this.#place(member, told);
    this.#fanOut.add(told);
  }

  #classesWith(views: Iterable<OutboundResources | InboundResources>): ReadonlySet<ProxyClass> {
    const classes = new Set<ProxyClass>();
    for (const view of views) for (const one of this.#classesOfView.get(view) ?? []) classes.add(one);
    return classes;
  }

  /** Members whose class may be another one now. */
  #membersToPlace(before: ViewIndex, change: ChangeSet): Iterable<Member> {
    if (change.everything || (change.policies.size > 0 && policiesMoveProxies(before, this.#index))) {
      return [...this.#classes.values()].flatMap((proxyClass) => [...proxyClass.members]);
    }
    const members = new Set<Member>();
    for (const address of affectedAddresses(before.mesh, this.#mesh, change)) {
      for (const member of this.#membersByAddress.get(address) ?? []) members.add(member);
    }
    return members;
  }

  #place(member: Member, told: Map<Member, ReadonlySet<string>>): void {
    member.proxy = locateProxy(member.announced, this.#mesh);
    const before = member.proxyClass;
    const next = this.#classOf(member.proxy);
    if (next === before) return;
    next.members.add(member);
    member.proxyClass = next;
    this.#leave(before, member);
    for (const type of generatedTypes) this.causes.note(before.snapshots.get(type), snapshotOf(next, type));
    const differing = generatedTypes.filter((type) => before.snapshots.get(type) !== next.snapshots.get(type));
    if (before.snapshots.has(NameTable.typeUrl)) differing.push(NameTable.typeUrl);
    told.set(member, new Set(differing).union(told.get(member) ?? noTypes));
  }

  #classOf(proxy: Proxy): ProxyClass {
    const keys = viewKeysOf(proxy, this.#mesh, this.#index);
    const key = `${keys.outbound}\n${keys.inbound}`;
    const existing = this.#classes.get(key);
    if (existing !== undefined) return existing;
    const made: ProxyClass = {
      key,
      outboundKey: keys.outbound,
      inboundKey: keys.inbound,
      outbound: this.#outbound.acquire(keys.outbound, keys.outboundScope, this.#mesh),
      inbound: this.#inbound.acquire(keys.inbound, keys.inboundScope, this.#mesh),
      snapshots: new Map(),
      members: new Set(),
    };
    for (const typeUrl of generatedTypes) made.snapshots.set(typeUrl, compose(made, typeUrl));
    this.#classes.set(key, made);
    for (const view of [made.outbound, made.inbound]) {
      this.#classesOfView.set(view, (this.#classesOfView.get(view) ?? new Set()).add(made));
    }
    return made;
  }

  #detach(member: Member): void {
    this.#fanOut.forget(member);
    this.#leave(member.proxyClass, member);
    for (const address of member.announced.addresses) {
      const members = this.#membersByAddress.get(address);
      members?.delete(member);
      if (members?.size === 0) this.#membersByAddress.delete(address);
    }
  }

  #leave(proxyClass: ProxyClass, member: Member): void {
    if (!proxyClass.members.delete(member) || proxyClass.members.size > 0) return;
    this.#classes.delete(proxyClass.key);
    for (const view of [proxyClass.outbound, proxyClass.inbound]) {
      const classes = this.#classesOfView.get(view);
      classes?.delete(proxyClass);
      if (classes?.size === 0) this.#classesOfView.delete(view);
    }
    this.#outbound.release(proxyClass.outboundKey);
    this.#inbound.release(proxyClass.inboundKey);
  }
}

const noTypes: ReadonlySet<string> = new Set();

function snapshotOf(proxyClass: ProxyClass, typeUrl: string): TypeSnapshot {
  const known = proxyClass.snapshots.get(typeUrl);
  if (known !== undefined) return known;
  if (typeUrl !== NameTable.typeUrl) return emptyTypeSnapshot;
  const made = compose(proxyClass, typeUrl);
  proxyClass.snapshots.set(typeUrl, made);
  return made;
}

function compose(proxyClass: ProxyClass, typeUrl: string): TypeSnapshot {
  return { parts: [proxyClass.outbound.set(typeUrl), proxyClass.inbound.set(typeUrl)] };
}
