// A resource as it is sent: encoded once for a class of proxies, versioned by the hash of its bytes.

import { asBranded, type Branded } from '../../discovery/model/brand.ts';
import type { ObjectKey } from '../../discovery/model/names.ts';

/** Name of an xDS resource, unique within its type. */
export type ResourceName = Branded<string, 'ResourceName'>;
export const resourceName = (name: string): ResourceName => asBranded<ResourceName>(name);

/** Hash of a resource's bytes: equal bytes, equal version, on every replica and after every restart. */
export type ResourceVersion = Branded<string, 'ResourceVersion'>;
export const resourceVersion = (hash: string): ResourceVersion => asBranded<ResourceVersion>(hash);

/** Immutable. Both frames are ready to be concatenated into a response; there is one copy of the bytes. */
export interface EncodedResource {
  readonly typeUrl: string;
  readonly name: ResourceName;
  readonly version: ResourceVersion;
  /** Field 2 of DiscoveryResponse: tag, length and the `google.protobuf.Any`. */
  readonly anyFrame: Uint8Array;
  /** Field 2 of DeltaDiscoveryResponse: tag, length and the `Resource` (name, version, the same Any). */
  readonly deltaFrame: Uint8Array;
  /** The message alone, for readers (config dumps, tests). */
  readonly body: Uint8Array;
  /** Objects it was made from. */
  readonly sources: readonly ObjectKey[];
}
