// What one class of proxies would be sent in another state of the mesh. In: the class as it is served, both states. Out: for each class
// that its proxies would be in, the resources that differ. Works on a copy, with a pause after each piece of work.

import type { MeshPreview } from '../../discovery/mesh/mesh-store.ts';
import { NameTable } from '../../proto/generated/istio.networking.nds.v1.ts';
import { locateProxy } from '../proxy/locate-proxy.ts';
import type { Proxy } from '../proxy/proxy.ts';
import { viewKeysOf, type ViewKeys } from '../view/view-key.ts';
import { indexViews, type ViewIndex } from '../view/view-index.ts';
import { affectedAddresses } from './affected-addresses.ts';
import { SharedAffectedHosts } from './affected-hosts.ts';
import type { EncodedResource } from './encoded-resource.ts';
import { InboundResources } from './inbound-resources.ts';
import { OutboundResources } from './outbound-resources.ts';
import { generatedTypes, type ServedClass } from './resource-cache.ts';
import { changedNames, emptyTypeSnapshot, lookUp, type TypeSnapshot } from './type-snapshot.ts';
import type { ViewFindings } from './view-findings.ts';

/** Of all classes that are looked at in the same two states. */
export interface PreviewContext {
  readonly preview: MeshPreview;
  /** Of the state that would be. */
  readonly index: ViewIndex;
  readonly affected: SharedAffectedHosts;
  /** Whether a proxy may be in another class then. */
  readonly mayMove: (announced: Proxy) => boolean;
  /** What was made last, by outbound key: classes come in the order of these keys. */
  readonly made: Map<string, OutboundResources>;
}

const maxMade = 4;

export function previewContext(preview: MeshPreview, indexBefore: ViewIndex): PreviewContext {
  const index = indexViews(preview.after, indexBefore);
  return { preview, index, affected: new SharedAffectedHosts(), mayMove: movable(preview), made: new Map() };
}

/** One of the two may be missing. */
export interface ResourceChange {
  readonly before: EncodedResource | undefined;
  readonly after: EncodedResource | undefined;
}

export interface ClassChange {
  readonly proxies: readonly Proxy[];
  readonly resources: readonly ResourceChange[];
}

/** `findings` is told of the views that there would be. */
export function* previewClass(
  served: ServedClass,
  context: PreviewContext,
  findings?: ViewFindings,
): Generator<undefined, ClassChange[]> {
  const { preview, index, mayMove } = context;
  // Taken at once, while it is of the state that is compared with.
  const known = context.made.get(served.outboundKey);
  const own = known ?? served.copyOutbound(context.affected);
  const groups = new Map<string, { readonly keys: ViewKeys; readonly proxies: Proxy[] }>();
  const staying: Proxy[] = [];
  for (const { announced, proxy } of served.members) {
    if (!mayMove(announced)) {
      staying.push(proxy);
      continue;
    }
    const keys = viewKeysOf(locateProxy(announced, preview.after), preview.after, index);
    const key = `${keys.outbound}\n${keys.inbound}`;
    const group = groups.get(key) ?? { keys, proxies: [] };
    group.proxies.push(proxy);
    groups.set(key, group);
    yield;
  }
  const changes: ClassChange[] = [];
  const withNames = served.snapshots.has(NameTable.typeUrl);
  const compare = function* (proxies: readonly Proxy[], keys?: ViewKeys): Generator<undefined> {
    const outbound = yield* outboundOf(served, { context, keys, own, isDone: known !== undefined });
    const inbound = inboundOf(served, keys, preview);
    findings?.add(outbound, inbound);
    const after = (typeUrl: string): TypeSnapshot => ({
      parts: [outbound.set(typeUrl), inbound.set(typeUrl)],
    });
    const resources: ResourceChange[] = [];
    for (const typeUrl of withNames ? [...generatedTypes, NameTable.typeUrl] : generatedTypes) {
      const [then, now] = [served.snapshots.get(typeUrl) ?? emptyTypeSnapshot, after(typeUrl)];
      for (const name of changedNames(then, now)) {
        resources.push({ before: lookUp(then, name), after: lookUp(now, name) });
        yield;
      }
      yield;
    }
    if (resources.length > 0) changes.push({ proxies, resources });
  };
  if (staying.length > 0) yield* compare(staying);
  for (const { keys, proxies } of groups.values()) yield* compare(proxies, keys);
  return changes;
}

function movable({ before, after, change }: MeshPreview): (announced: Proxy) => boolean {
  if (change.everything || change.policies.size > 0) return () => true;
  const addresses = affectedAddresses(before, after, change);
  return ({ addresses: own }) => own.some((address) => addresses.has(address));
}

interface OutboundQuestion {
  readonly context: PreviewContext;
  /** Absent: those of the class. */
  readonly keys: ViewKeys | undefined;
  readonly own: OutboundResources;
  /** They are as they would be already. */
  readonly isDone: boolean;
}

function* outboundOf(
  { outboundKey }: ServedClass,
  { context, keys, own, isDone }: OutboundQuestion,
): Generator<undefined, OutboundResources> {
  const { preview, affected, made } = context;
  const key = keys?.outbound ?? outboundKey;
  const known = made.get(key);
  if (known !== undefined) return known;
  let next = own;
  if (keys === undefined || key === outboundKey) {
    if (!isDone) yield* own.updating(preview.after, preview.change);
  } else next = yield* OutboundResources.making({ scope: keys.outboundScope, mesh: preview.after, affected });
  for (const oldest of [...made.keys()].slice(0, Math.max(0, made.size + 1 - maxMade))) made.delete(oldest);
  made.set(key, next);
  return next;
}

function inboundOf(served: ServedClass, keys: ViewKeys | undefined, preview: MeshPreview): InboundResources {
  const sameConfig = preview.before.config === preview.after.config;
  if (keys === undefined || (keys.inbound === served.inboundKey && sameConfig)) return served.inbound;
  return new InboundResources(keys.inboundScope, preview.after);
}
