// Which objects may be to blame for a resource that a proxy rejected. In: the resource, and the change that made it what it is. Out:
// those that may be taken back to their earlier form, and those of security, which never are.

import { parseObjectKey, type ObjectKey } from '../../discovery/model/names.ts';
import type { Cause } from '../cache/change-causes.ts';
import type { EncodedResource } from '../cache/encoded-resource.ts';
import { typeUrls } from '../stream/type-rules.ts';

export interface Suspects {
  readonly objects: readonly ObjectKey[];
  /** An earlier form of one of these may let in what the present one does not. */
  readonly guarded: readonly ObjectKey[];
  /** What changed with them and could be behind it, too, if they are not. */
  readonly others: readonly ObjectKey[];
  /** The resource became what it is by a change of these. */
  readonly isByChange: boolean;
}

/** What the resource itself does not tell. */
export interface KnownOfObjects {
  /** Since a proxy was last sent all. */
  readonly hasChanged?: ((key: ObjectKey) => boolean) | undefined;
  /** Of a kind that need not be one of security, whether this object says who may come in. */
  readonly guards?: ((key: ObjectKey) => boolean) | undefined;
}

const guardedKinds: ReadonlySet<string> = new Set([
  'AuthorizationPolicy',
  'PeerAuthentication',
  'RequestAuthentication',
]);

/** Kinds that say something of a resource of a type, beside those that say something of every type. */
const kindsOfType: Readonly<Record<string, readonly string[]>> = {
  [typeUrls.cluster]: ['DestinationRule', 'Gateway', 'Telemetry', 'PeerAuthentication'],
  [typeUrls.endpoint]: ['DestinationRule'],
  [typeUrls.listener]: ['DestinationRule', 'Gateway', 'Telemetry', 'VirtualService', 'WasmPlugin', ...guardedKinds],
  [typeUrls.route]: ['DestinationRule', 'Gateway', 'VirtualService'],
  [typeUrls.virtualHost]: ['DestinationRule', 'Gateway', 'VirtualService'],
};
const kindsOfEveryType: readonly string[] = ['EnvoyFilter', 'ServiceEntry', 'Sidecar'];

/**
 * The objects that it was made from and that changed with it; where it does not say what it was made from, those that changed with
 * it and are of a kind that its type depends on. Without such a change, the policies that it was made from.
 */
export function suspectsOf(resource: EncodedResource, cause: Cause | undefined, known: KnownOfObjects = {}): Suspects {
  const { hasChanged = (): boolean => false, guards = (): boolean => false } = known;
  const isGuarded = (key: ObjectKey): boolean => guardedKinds.has(parseObjectKey(key).kind) || guards(key);
  const divided = (keys: readonly ObjectKey[]): Pick<Suspects, 'objects' | 'guarded'> => {
    const sorted = keys.toSorted();
    return { objects: sorted.filter((key) => !isGuarded(key)), guarded: sorted.filter(isGuarded) };
  };
  const kinds = new Set([...(kindsOfType[resource.typeUrl] ?? []), ...kindsOfEveryType]);
  const fits = (key: ObjectKey): boolean => kinds.has(parseObjectKey(key).kind);
  const sources = new Set(resource.sources.filter(fits));
  const changed = [...(cause?.objects ?? [])].filter(fits);
  const both = changed.filter((key) => sources.has(key));
  const others = changed.filter((key) => !sources.has(key) && !isGuarded(key));
  if (both.length > 0) return { ...divided(both), others, isByChange: true };
  if (changed.length > 0) return { ...divided(changed), others: [], isByChange: true };
  const lately = [...sources].filter(hasChanged);
  return { ...divided(lately.length > 0 ? lately : [...sources]), others: [], isByChange: false };
}
