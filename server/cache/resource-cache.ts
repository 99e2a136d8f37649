// The engine between the mesh and the streams: proxies are served in classes, a class is an outbound and an inbound
// view, a change recomputes what depends on it, and who is subscribed hears which types differ.

import { LRUCache } from 'lru-cache';
import { noChange, unite, type ChangeSet } from '../../discovery/model/change-set.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import { Cluster } from '../../proto/generated/envoy.config.cluster.v3.ts';
import { ClusterLoadAssignment } from '../../proto/generated/envoy.config.endpoint.v3.ts';
import { Listener } from '../../proto/generated/envoy.config.listener.v3.ts';
import { RouteConfiguration, VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';
import type { Proxy } from '../proxy/proxy.ts';
import { viewKeysOf, type InboundDescription, type OutboundDescription } from '../view/view-key.ts';
import { InboundResources } from './inbound-resources.ts';
import { OutboundResources } from './outbound-resources.ts';
import { emptyTypeSnapshot, type ResourceSet, type TypeSnapshot } from './type-snapshot.ts';

/** The types that are generated here. */
export const generatedTypes: readonly string[] = Object.freeze([
  Cluster.typeUrl,
  ClusterLoadAssignment.typeUrl,
  Listener.typeUrl,
  RouteConfiguration.typeUrl,
  VirtualHost.typeUrl,
]);

/** Views that nobody uses are kept for proxies that come back, the least recently used go first. */
const maxIdleViews = 64;

/** One proxy's hold on its class. */
export interface Attachment {
  readonly proxy: Proxy;
  /** The same reference until something in it changes. */
  snapshot(typeUrl: string): TypeSnapshot;
  detach(): void;
}

type ChangeListener = (changedTypes: ReadonlySet<string>) => void;

/** A view's resources with the changes that it has not seen yet (none while it is used). */
interface Held<T> {
  readonly resources: T;
  users: number;
  missed: ChangeSet;
}

interface Resources {
  set(typeUrl: string): ResourceSet;
  update(mesh: MeshSnapshot, change: ChangeSet): ReadonlySet<string>;
}

/** Views of one side by key: the used ones are kept current, idle ones catch up when they are wanted again. */
class ViewStore<Description, T extends Resources> {
  readonly #make: (description: Description, mesh: MeshSnapshot) => T;
  readonly #used = new Map<string, Held<T>>();
  readonly #idle = new LRUCache<string, Held<T>>({ max: maxIdleViews });

  constructor(make: (description: Description, mesh: MeshSnapshot) => T) {
    this.#make = make;
  }

  get size(): number {
    return this.#used.size;
  }

  acquire(key: string, description: Description, mesh: MeshSnapshot): T {
    let held = this.#used.get(key);
    if (held === undefined) {
      held = this.#idle.get(key) ?? { resources: this.#make(description, mesh), users: 0, missed: noChange };
      this.#idle.delete(key);
      held.resources.update(mesh, held.missed);
      held.missed = noChange;
      this.#used.set(key, held);
    }
    held.users += 1;
    return held.resources;
  }

  release(key: string): void {
    const held = this.#used.get(key);
    if (held === undefined) return;
    held.users -= 1;
    if (held.users > 0) return;
    this.#used.delete(key);
    this.#idle.set(key, held);
  }

  /** Returns the types that differ, for each used view that has any. */
  update(mesh: MeshSnapshot, change: ChangeSet): ReadonlyMap<T, ReadonlySet<string>> {
    for (const held of this.#idle.values()) held.missed = unite(held.missed, change);
    const changed = new Map<T, ReadonlySet<string>>();
    for (const held of this.#used.values()) {
      const types = held.resources.update(mesh, change);
      if (types.size > 0) changed.set(held.resources, types);
    }
    return changed;
  }
}

/** All proxies with the same outbound and inbound view: they share every snapshot. */
interface ProxyClass {
  readonly outboundKey: string;
  readonly inboundKey: string;
  readonly outbound: OutboundResources;
  readonly inbound: InboundResources;
  readonly snapshots: Map<string, TypeSnapshot>;
  readonly members: Set<Member>;
}

interface Member {
  readonly proxy: Proxy;
  readonly listener: ChangeListener;
  proxyClass: ProxyClass;
}

export class ResourceCache {
  readonly #outbound = new ViewStore<OutboundDescription, OutboundResources>(
    (description, mesh) => new OutboundResources(description, mesh),
  );
  readonly #inbound = new ViewStore<InboundDescription, InboundResources>(
    (description, mesh) => new InboundResources(description, mesh),
  );
  readonly #classes = new Map<string, ProxyClass>();
  #mesh: MeshSnapshot;

  constructor(mesh: MeshSnapshot) {
    this.#mesh = mesh;
  }

  get mesh(): MeshSnapshot {
    return this.#mesh;
  }

  /** Distinct classes of connected proxies. */
  get classCount(): number {
    return this.#classes.size;
  }

  /** Serves a proxy from its class until it detaches. The listener is called after each change that it can see. */
  attach(proxy: Proxy, listener: ChangeListener): Attachment {
    const member: Member = { proxy, listener, proxyClass: this.#classOf(proxy) };
    member.proxyClass.members.add(member);
    return {
      proxy,
      snapshot: (typeUrl) => member.proxyClass.snapshots.get(typeUrl) ?? emptyTypeSnapshot,
      detach: () => this.#leave(member),
    };
  }

  /** Takes the next state of the mesh; `change` must cover all that differs from the one before. */
  update(mesh: MeshSnapshot, change: ChangeSet): void {
    this.#mesh = mesh;
    const outbound = this.#outbound.update(mesh, change);
    const inbound = this.#inbound.update(mesh, change);
    const told = new Map<Member, ReadonlySet<string>>();
    for (const proxyClass of this.#classes.values()) {
      const types = (outbound.get(proxyClass.outbound) ?? new Set<string>()).union(
        inbound.get(proxyClass.inbound) ?? new Set<string>(),
      );
      if (types.size === 0) continue;
      for (const typeUrl of types) proxyClass.snapshots.set(typeUrl, compose(proxyClass, typeUrl));
      for (const member of proxyClass.members) told.set(member, types);
    }
    if (change.everything || change.services.size > 0 || change.workloads.size > 0 || change.policies.size > 0) {
      this.#reclassify(told);
    }
    for (const [member, types] of told) member.listener(types);
  }

  /** A workload's labels or the services that select it may have moved its proxy to another class. */
  #reclassify(told: Map<Member, ReadonlySet<string>>): void {
    const members = [...this.#classes.values()].flatMap((proxyClass) => [...proxyClass.members]);
    for (const member of members) {
      const keys = viewKeysOf(member.proxy, this.#mesh);
      const before = member.proxyClass;
      if (keys.outbound.key === before.outboundKey && keys.inbound.key === before.inboundKey) continue;
      const next = this.#classOf(member.proxy);
      this.#leave(member);
      member.proxyClass = next;
      next.members.add(member);
      const differing = generatedTypes.filter((type) => before.snapshots.get(type) !== next.snapshots.get(type));
      told.set(member, new Set(differing).union(told.get(member) ?? new Set()));
    }
  }

  #classOf(proxy: Proxy): ProxyClass {
    const { outbound, inbound } = viewKeysOf(proxy, this.#mesh);
    const key = `${outbound.key}\n${inbound.key}`;
    const existing = this.#classes.get(key);
    if (existing !== undefined) return existing;
    const made: ProxyClass = {
      outboundKey: outbound.key,
      inboundKey: inbound.key,
      outbound: this.#outbound.acquire(outbound.key, outbound, this.#mesh),
      inbound: this.#inbound.acquire(inbound.key, inbound, this.#mesh),
      snapshots: new Map(),
      members: new Set(),
    };
    for (const typeUrl of generatedTypes) made.snapshots.set(typeUrl, compose(made, typeUrl));
    this.#classes.set(key, made);
    return made;
  }

  #leave(member: Member): void {
    const { proxyClass } = member;
    if (!proxyClass.members.delete(member) || proxyClass.members.size > 0) return;
    this.#classes.delete(`${proxyClass.outboundKey}\n${proxyClass.inboundKey}`);
    this.#outbound.release(proxyClass.outboundKey);
    this.#inbound.release(proxyClass.inboundKey);
  }
}

function compose(proxyClass: ProxyClass, typeUrl: string): TypeSnapshot {
  return { parts: [proxyClass.outbound.set(typeUrl), proxyClass.inbound.set(typeUrl)] };
}
